import type { Store } from './store.ts'
import type { EmbeddedRegistryOptions } from './options.ts'
import type { Uploads } from './uploads.ts'
import type { Tokens } from './auth.ts'

/** What the handlers share. */
export interface RegistryState {
  readonly options: EmbeddedRegistryOptions
  readonly store: Store
  readonly uploads: Uploads
  readonly tokens: Tokens
  /** `http://127.0.0.1:port`, known once it listens. */
  url: string
}

/** A `Location` for `path`, in the form the options ask for. */
export function locationOf(state: RegistryState, path: string): string {
  return state.options.location === 'relative' ? path : `${state.url}${path}`
}
