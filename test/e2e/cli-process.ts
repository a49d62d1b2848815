// The real bin/longshore as a child process.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export const bin = join(import.meta.dirname, '../../bin/longshore')

export interface Finished { readonly code: number | null; readonly stdout: string; readonly stderr: string }
export interface Running {
  readonly pid: number
  readonly finished: Promise<Finished>
  kill(signal: NodeJS.Signals): void
  /** Resolves when stderr matches. */
  saw(pattern: RegExp): Promise<void>
}
export interface LaunchOptions { readonly stdin?: string; readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly command?: string }

/** No credentials or proxies of the machine, no colours. */
const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', NO_COLOR: '1' }

export function launch(args: readonly string[], { stdin = '', cwd, env = {}, command = bin }: LaunchOptions = {}): Running {
  const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), env: { ...clean, ...env } })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const look of waiting) look()
  })
  // A process that refuses its arguments does not read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => { resolve({ code, stdout, stderr }) })
  })
  return {
    pid: child.pid ?? 0, finished, kill: (signal) => { child.kill(signal) },
    async saw(pattern) {
      const found = new Promise<void>((resolve) => {
        const look = (): void => { if (pattern.test(stderr)) resolve() }
        waiting.add(look)
        look()
      })
      await Promise.race([found, finished])
      if (!pattern.test(stderr)) throw new Error(`longshore ended before it said ${pattern}: ${stdout}${stderr}`)
    },
  }
}

export function longshore(args: readonly string[], options?: LaunchOptions): Promise<Finished> {
  return launch(args, options).finished
}
