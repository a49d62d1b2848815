// The process: its title, its compile cache, its exit code. Everything else is loaded when it is needed.
import { enableCompileCache } from 'node:module'

// First of all: the arguments may hold a password, and everyone on the machine can read them (promise P6).
process.title = 'longshore'
enableCompileCache()
const { run } = await import('./run.ts')
process.exitCode = await run(process.argv.slice(2))
