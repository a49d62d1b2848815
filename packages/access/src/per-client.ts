import type { Registry } from '@longshore/registry'
import type { Io } from '@longshore/transfer'

/** Makes the same one for the same client. */
export function perClient<T>(make: (client: Registry) => T): (client: Registry) => T {
  const made = new WeakMap<Registry, { readonly one: T }>()
  return (client) => {
    const known = made.get(client) ?? { one: make(client) }
    made.set(client, known)
    return known.one
  }
}

/** What is found out once, when it is first asked for; a failure is forgotten, so that the next asks again. */
export function foundOnce<T>(look: (io: Io) => Promise<T>): (io: Io) => Promise<T> {
  let found: Promise<T> | undefined
  return async (io) => {
    const finding = found ??= look(io)
    finding.catch(() => { found = undefined })
    return await finding
  }
}
