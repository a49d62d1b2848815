// The keys that are not one migration's own; those are the ledger's. docs/redis.md describes them all.
import { createHash } from 'node:crypto'

export const keys = {
  /** Sorted set: every known migration by its creation, ms. */
  migrations: 'longshore:migrations',
  /** Set: migrations that are not at their end. */
  active: 'longshore:active',
  /** Sorted set: processes by the ms, Redis' time, until which they count as alive. */
  workers: 'longshore:workers',
  worker: (id: string): string => `longshore:worker:${id}`,
  /** String: which migration runs for this spec. */
  spec: (hash: string): string => `longshore:spec:${hash}`,
  /** String: who sweeps at the moment. */
  sweep: 'longshore:sweep',
  /** Hash: a blob that is being sent to a registry, or was a while ago. */
  upload: (registry: string, digest: string): string => `longshore:upload:${createHash('sha1').update(`${registry} ${digest}`).digest('hex')}`,
  /** String, with an expiry: this registry wants to be left alone. */
  pause: (registry: string): string => `longshore:pause:${registry}`,
  /** Sorted set: every known cutover by its creation, ms. */
  cutovers: 'longshore:cutovers',
  /** Set: cutovers that are not at their end. */
  activeCutovers: 'longshore:cutovers-active',
  /** String: which cutover is under way for this spec. */
  cutoverSpec: (hash: string): string => `longshore:cutover-spec:${hash}`,
  /** Of the keys of one cutover. */
  cutover: (id: string): string => `longshore:cutover:{${id}}:`,
  /** Channels. */
  wakes: 'longshore:cutover-wakes',
  pauses: 'longshore:pauses',
  control: 'longshore:control',
} as const

/** How often a process says that it is alive, and how long it is believed. Redis' time, so that nobody's clock matters. */
export const beatMs = 1_500
export const lifeMs = 6_000
/** What a process that stops gives Redis to hear what it has to say. */
export const goodbyeMs = 3_000
