// A command of the user's, without a shell between. It is the leader of its own process group, so that all it started ends with it.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Hook } from '@longshore/spec'
import { HookFailedError } from './errors.ts'
import type { HookOptions } from './hook.ts'
import { whereToLook } from './program-fault.ts'
import { said, saidBytes } from './said.ts'
import { secretsOf, withoutSecrets } from './secrets.ts'
import { Tail } from './tail.ts'

/** Between the friendly and the unfriendly request to end. */
const killMs = 2_000
/** Something left running in the background may hold the pipes of a command that has ended. */
const drainMs = 500
const shownLength = 100

type Command = Extract<Hook, { kind: 'command' }>
type End = { readonly kind: 'ended'; readonly status: number | string } | { readonly kind: 'error'; readonly error: NodeJS.ErrnoException }

/** @throws HookFailedError, or the signal's reason */
export async function runCommand({ command, timeoutMs }: Command, { facts, env, signal }: HookOptions): Promise<void> {
  const [program, ...args] = command
  const secrets = secretsOf(env)
  const hook = describe(command, secrets)
  const tail = new Tail(saidBytes)
  const child = spawn(program, args, { env: { ...env, ...variables(facts) }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  child.stdout.on('data', (chunk: Buffer) => tail.add(chunk))
  child.stderr.on('data', (chunk: Buffer) => tail.add(chunk))
  const ended = endOf(child)
  const timeout = AbortSignal.timeout(timeoutMs)
  const stop = AbortSignal.any([signal, timeout])
  const kill = (): void => { void killGroup(child, ended) }
  stop.addEventListener('abort', kill)
  if (stop.aborted) kill()
  try {
    const end = await ended
    signal.throwIfAborted()
    const fail = (why: string, remedy: string, cause?: unknown): HookFailedError => new HookFailedError(hook, why, said(tail.text(), secrets), remedy, cause)
    if (end.kind === 'error') {
      const { code = 'unknown' } = end.error
      throw code === 'ENOENT' ? fail('is not there', whereToLook(program), end.error)
        : fail(`could not be started (${code})`, 'it has to be a program that this user may run', end.error)
    }
    if (timeout.aborted) throw fail(`did not end within ${timeoutMs / 1000} s and was killed, with all it had started`, 'see what it waits for (it gets no input), or give it a longer timeout')
    if (end.status !== 0) throw fail(`ended with ${typeof end.status === 'number' ? `status ${end.status}` : end.status}`, 'run it by hand, with the LONGSHORE_ variables of docs/harbor.md, to see why')
  } finally {
    stop.removeEventListener('abort', kill)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

async function endOf(child: ChildProcess): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>()
  let timer: NodeJS.Timeout | undefined
  child.on('error', (error) => resolve({ kind: 'error', error }))
  child.on('exit', (code, killed) => { timer = setTimeout(() => resolve({ kind: 'ended', status: code ?? killed ?? 'unknown' }), drainMs) })
  child.on('close', (code, killed) => resolve({ kind: 'ended', status: code ?? killed ?? 'unknown' }))
  const end = await promise
  clearTimeout(timer)
  return end
}

async function killGroup(child: ChildProcess, ended: Promise<End>): Promise<void> {
  signalGroup(child, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), killMs)
  await ended
  clearTimeout(timer)
  // The leader went quietly; those it started may not have.
  signalGroup(child, 'SIGKILL')
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try { process.kill(-pid, signal) } catch (error) {
    // Nobody of the group is left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function variables(facts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`LONGSHORE_${name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase()}`, value]))
}

function describe(command: readonly string[], secrets: readonly string[]): string {
  const line = withoutSecrets(command.join(' '), secrets)
  return `"${line.length > shownLength ? `${line.slice(0, shownLength)}…` : line}"`
}
