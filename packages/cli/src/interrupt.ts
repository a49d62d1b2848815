// Ctrl-C is a protocol: the first asks the run to stop, the second ends it at once. What the run has to write it still writes;
// should even that take long, or be asked for a third time, the process ends.
import { ExitCode } from './exit-code.ts'

/** For sockets to close and for files to be written. */
const patienceMs = 5_000

export class Interrupt implements Disposable {
  readonly #stop = new AbortController()
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#signalled(signal)
  readonly #onStop: (signal: NodeJS.Signals) => void
  readonly #onAbort: (() => void) | undefined
  #deadline: NodeJS.Timeout | undefined
  #aborted = false

  /** @param onAbort drops everything, so that the run ends by itself; without it the process ends at the second signal */
  constructor(onStop: (signal: NodeJS.Signals) => void, onAbort?: () => void) {
    this.#onStop = onStop
    this.#onAbort = onAbort
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  /** Aborts at the first signal. */
  get stop(): AbortSignal { return this.#stop.signal }
  /** Whether there was a second signal. */
  get aborted(): boolean { return this.#aborted }
  get interrupted(): boolean { return this.#stop.signal.aborted }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline)
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
  }

  #signalled(signal: NodeJS.Signals): void {
    if (!this.#stop.signal.aborted) {
      this.#onStop(signal)
      this.#stop.abort(new InterruptedError())
      return
    }
    if (this.#aborted || !this.#onAbort) process.exit(ExitCode.interrupted)
    this.#aborted = true
    this.#deadline = setTimeout(() => process.exit(ExitCode.interrupted), patienceMs).unref()
    this.#onAbort()
  }
}

/** Not a failure: somebody pressed Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  readonly exitCode = ExitCode.interrupted
  constructor() { super('interrupted') }
}
