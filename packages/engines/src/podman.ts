import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Io } from '@longshore/transfer'
import { EngineError } from './errors.ts'

const run = promisify(execFile)
/** A store of some thousand images is listed in some megabytes. */
const maxOutputBytes = 256 * 1024 * 1024

export interface PodmanOptions {
  /** Default `podman`, found along PATH. */
  readonly command?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** The podman command on one store. */
export class Podman {
  readonly #place: string
  readonly #flags: readonly string[]
  readonly #options: PodmanOptions

  /** @param place names the store in errors */
  constructor(place: string, flags: readonly string[], options: PodmanOptions) {
    this.#place = place
    this.#flags = flags
    this.#options = options
  }

  /** @returns stdout. @throws EngineError, or the signal's reason */
  async run(args: readonly string[], { signal }: Io): Promise<string> {
    const result = await this.#call(args, { signal })
    if (result.failure === undefined) return result.stdout
    throw new EngineError(isDenied(result.failure) ? 'ENGINE_DENIED' : 'ENGINE_REFUSED', `${this.#place}: podman ${args[0] ?? ''}: ${result.failure}`)
  }

  async #call(args: readonly string[], { signal }: Io): Promise<{ readonly stdout: string; readonly failure?: string }> {
    signal.throwIfAborted()
    const command = this.#options.command ?? 'podman'
    try {
      const { stdout } = await run(command, [...this.#flags, ...args], { signal, maxBuffer: maxOutputBytes, ...(this.#options.env === undefined ? {} : { env: { ...this.#options.env } }) })
      return { stdout }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string }
      if (code === 'ENOENT') throw new EngineError('ENGINE_MISSING', `${this.#place}: there is no ${command} command, through which the store is read and written: install podman, or save the image to an archive where it is`, error)
      if (code === 'EACCES') throw new EngineError('ENGINE_DENIED', `${this.#place}: this user may not run ${command}`, error)
      return { stdout: '', failure: lastLines(stderr ?? (error as Error).message) }
    }
  }
}

function isDenied(failure: string): boolean { return /permission denied|operation not permitted/i.test(failure) }

/** Podman tells progress on stderr, too; what went wrong stands behind `Error:`. */
function lastLines(stderr: string): string {
  const lines = stderr.trim().split('\n')
  const first = lines.findLastIndex((line) => line.startsWith('Error:'))
  return (first < 0 ? lines.slice(-1) : lines.slice(first)).join(' ').replace(/^Error: /, '')
}
