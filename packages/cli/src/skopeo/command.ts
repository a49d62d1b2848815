// What a command of skopeo's runs in: its time limit, its environment, and its way to warn.
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { ExitCode } from '../exit-code.ts'
import type { GlobalFlags } from '../skopeo-flags.ts'
import { log } from './logrus.ts'
import { CommandTimeoutError } from './skopeo-error.ts'

export interface SkopeoContext {
  readonly config: Config
  /** Aborts when `--command-timeout` has passed, with a CommandTimeoutError. */
  readonly signal: AbortSignal
  readonly warn: (text: string) => void
}

export type SkopeoRun<F> = (args: readonly string[], flags: F, context: SkopeoContext) => Promise<void>

/** What does not heed its signal is ended by force so much later. */
const graceMs = 2_000

/** Makes a command run what `load` brings. Its arguments are checked there, in skopeo's words. */
export function runs<F extends GlobalFlags>(command: Command, done: (code: ExitCode) => void, load: () => Promise<SkopeoRun<F>>): void {
  command.argument('[args...]').action(async (args: readonly string[], flags: F) => {
    await using timeout = limitTime(flags.commandTimeout ?? 0)
    // Loaded now: it brings the clients of registries along, which --help needs not.
    const [run, { readConfig }] = await Promise.all([load(), import('../config.ts')])
    await timeout.race(run(args, flags, { config: readConfig(), signal: timeout.signal, warn: (text) => log('warning', text) }))
    done(0)
  })
}

function limitTime(ms: number): AsyncDisposable & { readonly signal: AbortSignal; race(work: Promise<void>): Promise<void> } {
  const stop = new AbortController()
  if (ms <= 0) return { signal: stop.signal, race: (work) => work, [Symbol.asyncDispose]: async () => {} }
  const expired = Promise.withResolvers<never>()
  expired.promise.catch(() => {})
  let force: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    const error = new CommandTimeoutError()
    stop.abort(error)
    force = setTimeout(() => expired.reject(error), graceMs)
  }, ms)
  return {
    signal: stop.signal,
    async race(work) {
      try {
        await Promise.race([work, expired.promise])
      } catch (error) {
        // Whatever it broke, the time was up.
        throw stop.signal.aborted ? stop.signal.reason : error
      }
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      clearTimeout(force)
    },
  }
}
