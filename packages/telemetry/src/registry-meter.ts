import type { Metrics } from './metrics.ts'

/** What a registry client counts; it grows in place. */
export interface RegistryCounts {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly retries: number
  readonly pauses: number
  readonly byStatus: Readonly<Record<string, number>>
}

/** Clients that are opened as they are needed, and closed together. */
export interface MeteredClients extends AsyncDisposable {
  clients(): Iterable<{ readonly side: 'source' | 'destination'; readonly client: { readonly registry: string; readonly stats: RegistryCounts } }>
}

/** Turns counts that grow in place, of clients that come and go, into counters that stay. */
export class RegistryMeter {
  readonly #metrics: Metrics
  readonly #watched = new Set<MeteredClients>()
  readonly #told = new WeakMap<RegistryCounts, RegistryCounts>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    metrics.onScrape(() => { for (const clients of this.#watched) this.#read(clients) })
  }

  /** The same clients; what they counted is told at every scrape, and for the last time when they are closed. */
  watch<T extends MeteredClients>(clients: T): T {
    this.#watched.add(clients)
    return {
      ...clients,
      [Symbol.asyncDispose]: async () => {
        await clients[Symbol.asyncDispose]()
        this.#watched.delete(clients)
        this.#read(clients)
      },
    }
  }

  #read(clients: MeteredClients): void {
    for (const { side, client: { registry, stats } } of clients.clients()) {
      const told = this.#told.get(stats)
      const { bytesIn, bytesOut, retries, pauses } = stats
      const byStatus = { ...stats.byStatus }
      this.#told.set(stats, { bytesIn, bytesOut, retries, pauses, byStatus })
      this.#metrics.countRegistry({
        side, registry, bytesIn: bytesIn - (told?.bytesIn ?? 0), bytesOut: bytesOut - (told?.bytesOut ?? 0), retries: retries - (told?.retries ?? 0), pauses: pauses - (told?.pauses ?? 0),
        byStatus: Object.fromEntries(Object.entries(byStatus).map(([what, count]) => [what, count - (told?.byStatus[what] ?? 0)])),
      })
    }
  }
}
