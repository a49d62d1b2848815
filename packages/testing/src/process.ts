// A server as a child process: started, awaited until it answers, and gone when its owner goes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface ServerProcess {
  readonly pid: number
  /** SIGTERM, or the signal given; resolves when it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>
}

/**
 * @param answers asked again and again until it says true
 * @throws Error with the end of what the server wrote, when it ends or `answers` stays false for 20 seconds
 */
export async function startProcess(command: string, args: readonly string[], answers: () => Promise<boolean>): Promise<ServerProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output = (output + text).slice(-4000) })
  let failure: NodeJS.ErrnoException | undefined
  child.on('error', (error) => { failure = error })
  const kill = (): void => { child.kill('SIGKILL') }
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  const deadline = Date.now() + 20_000
  while (!await answers()) {
    if (failure || child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      kill()
      const why = failure?.code === 'ENOENT' ? 'it is not installed' : failure?.message ?? output.trim()
      throw new Error(`${command} did not start: ${why}`, { cause: failure })
    }
    await delay(20)
  }
  return { pid: child.pid ?? 0, end: async (signal = 'SIGTERM') => end(child, signal) }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  const forced = setTimeout(() => { child.kill('SIGKILL') }, 5000)
  await exited
  clearTimeout(forced)
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
  return port
}
