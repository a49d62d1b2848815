// One line when Redis is away, one when it is back: however many connections notice it, however often they try.

/** What comes back within this time is not told: a failover, a proxy that cuts a connection. */
const tellAfterMs = 1_000
/** A server that refused a command counts as away until it has refused nothing for so long. */
const refusalMs = 2_000

export interface OutageListener {
  readonly onTrouble: (message: string) => void
  readonly onRecovered: () => void
}

/** Up -> (somebody is down for a second) -> told -> (all are up) -> up. */
export class Outage {
  readonly #listener: OutageListener
  readonly #down = new Map<object, string>()
  readonly #refusal = {}
  #tell: NodeJS.Timeout | undefined
  #forgive: NodeJS.Timeout | undefined
  #isTold = false

  constructor(listener: OutageListener) { this.#listener = listener }

  get isUp(): boolean { return this.#down.size === 0 }
  /** Not long ago the server refused a command: trying again at once would only be more of it. */
  get isRefused(): boolean { return this.#down.has(this.#refusal) }

  down(who: object, why: string): void {
    this.#down.set(who, why)
    if (!this.#isTold) this.#tell ??= setTimeout(() => this.#tellTrouble(), tellAfterMs)
  }

  up(who: object): void {
    this.#down.delete(who)
    if (this.#down.size > 0) return
    clearTimeout(this.#tell)
    this.#tell = undefined
    if (!this.#isTold) return
    this.#isTold = false
    this.#listener.onRecovered()
  }

  refused(why: string): void {
    this.down(this.#refusal, why)
    clearTimeout(this.#forgive)
    this.#forgive = setTimeout(() => this.up(this.#refusal), refusalMs)
  }

  /** Nobody asks any more: nothing is told from now on. */
  end(): void {
    this.#isTold = false
    clearTimeout(this.#tell)
    clearTimeout(this.#forgive)
    this.#down.clear()
  }

  #tellTrouble(): void {
    this.#tell = undefined
    this.#isTold = true
    this.#listener.onTrouble([...this.#down.values()].at(-1) ?? '')
  }
}
