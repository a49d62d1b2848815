import type { Metrics } from './metrics.ts'

/** What a registry client counts; it grows in place. */
export interface RegistryCounts {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly retries: number
  readonly pauses: number
  readonly byStatus: Readonly<Record<string, number>>
}

/** Turns counts that grow in place, of clients that come and go, into counters that stay. */
export class RegistryMeter {
  readonly #metrics: Metrics
  readonly #told = new WeakMap<RegistryCounts, RegistryCounts>()

  constructor(metrics: Metrics) { this.#metrics = metrics }

  /** Tells what a client has counted since the last time. */
  read(side: 'source' | 'destination', registry: string, counts: RegistryCounts): void {
    const told = this.#told.get(counts)
    const { bytesIn, bytesOut, retries, pauses } = counts
    const byStatus = { ...counts.byStatus }
    this.#told.set(counts, { bytesIn, bytesOut, retries, pauses, byStatus })
    this.#metrics.countRegistry({
      side, registry, bytesIn: bytesIn - (told?.bytesIn ?? 0), bytesOut: bytesOut - (told?.bytesOut ?? 0), retries: retries - (told?.retries ?? 0), pauses: pauses - (told?.pauses ?? 0),
      byStatus: Object.fromEntries(Object.entries(byStatus).map(([what, count]) => [what, count - (told?.byStatus[what] ?? 0)])),
    })
  }
}
