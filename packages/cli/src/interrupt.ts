// Ctrl-C is a protocol: the first asks the run to stop, the second ends it at once.
import { ExitCode } from './exit-code.ts'

export class Interrupt implements Disposable {
  readonly #stop = new AbortController()
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#signalled(signal)
  readonly #onStop: (signal: NodeJS.Signals) => void
  readonly #onAbort: () => void

  /** @param onAbort puts the terminal right; the process ends behind it */
  constructor(onStop: (signal: NodeJS.Signals) => void, onAbort: () => void) {
    this.#onStop = onStop
    this.#onAbort = onAbort
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  /** Aborts at the first signal. */
  get stop(): AbortSignal { return this.#stop.signal }
  get interrupted(): boolean { return this.#stop.signal.aborted }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
  }

  #signalled(signal: NodeJS.Signals): void {
    if (!this.#stop.signal.aborted) {
      this.#onStop(signal)
      this.#stop.abort(new InterruptedError())
      return
    }
    this.#onAbort()
    process.exit(ExitCode.interrupted)
  }
}

/** Not a failure: somebody pressed Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  readonly exitCode = ExitCode.interrupted
  constructor() { super('interrupted') }
}
