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
