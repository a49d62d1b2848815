// What makes destinations ready, joined to this process' registries. Loaded where a spec asks for it.
import type { Access } from '@longshore/access'
import type { DestinationHost, Preparation } from '@longshore/prepare'
import { type Migration, needsPreparation } from '@longshore/spec'
import { isPlace } from './place-kind.ts'

type Env = Readonly<Record<string, string | undefined>>

/** `undefined`: the spec asks for nothing. */
export async function prepare(migration: Migration, access: Access, env: Env, onNote: (message: string) => void): Promise<Preparation | undefined> {
  if (!needsPreparation(migration)) return undefined
  const [{ Preparation: Made }, { runHook }] = await Promise.all([import('@longshore/prepare'), import('@longshore/hooks')])
  return new Made(migration, { transports: access.transports, hostOf: hostsOf(access), runHook, env, onNote })
}

/** Folders and archives have no API. */
export function hostsOf(access: Access): (registry: string) => DestinationHost | undefined {
  return (registry) => (isPlace(registry) ? undefined : access.destination(registry))
}
