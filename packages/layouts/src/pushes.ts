import { SingleFlight } from '@longshore/concurrency'
import type { PushOutcome } from '@longshore/transfer'

/** One writing per blob file at a time; whoever comes meanwhile waits for it, and writes it when that one failed. */
export class Pushes {
  readonly #flights = new SingleFlight<string, PushOutcome>()

  async do(key: string, signal: AbortSignal, push: () => Promise<PushOutcome>): Promise<PushOutcome> {
    while (true) {
      const flight = { mine: false }
      try {
        const outcome = await this.#flights.do(key, signal, () => {
          flight.mine = true
          return push()
        })
        return flight.mine ? outcome : 'existed'
      } catch (error) {
        signal.throwIfAborted()
        // Another's signal, or another's content: no reason for this one to fail.
        if (flight.mine) throw error
      }
    }
  }
}
