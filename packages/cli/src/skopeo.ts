// The process, where it was called skopeo: the same commands under skopeo's name, and nothing besides.
import { enableCompileCache } from 'node:module'

// First of all: the arguments may hold a password, and everyone on the machine can read them (promise P6).
process.title = 'longshore'
enableCompileCache()
const { runAsSkopeo } = await import('./run-as-skopeo.ts')
process.exitCode = await runAsSkopeo(process.argv.slice(2))
