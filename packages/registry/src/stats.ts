/** What one registry was asked. Grows in place. */
export interface RegistryStats {
  requests: number
  /** By method and status, e.g. `HEAD 200`; `GET -` had no answer. */
  readonly byStatus: Record<string, number>
  /** Bytes of bodies, on the wire. */
  bytesIn: number
  bytesOut: number
  retries: number
  pauses: number
}

export function newStats(): RegistryStats {
  return { requests: 0, byStatus: {}, bytesIn: 0, bytesOut: 0, retries: 0, pauses: 0 }
}

/** A copy to compare with later. */
export function snapshot({ byStatus, ...stats }: Readonly<RegistryStats>): RegistryStats { return { ...stats, byStatus: { ...byStatus } } }

/** What came since a snapshot; of `byStatus` only what grew. */
export function statsSince(now: Readonly<RegistryStats>, before: Readonly<RegistryStats>): RegistryStats {
  const grown = Object.entries(now.byStatus).map(([key, count]) => [key, count - (before.byStatus[key] ?? 0)] as const).filter(([, count]) => count > 0)
  return {
    requests: now.requests - before.requests, byStatus: Object.fromEntries(grown), bytesIn: now.bytesIn - before.bytesIn,
    bytesOut: now.bytesOut - before.bytesOut, retries: now.retries - before.retries, pauses: now.pauses - before.pauses,
  }
}
