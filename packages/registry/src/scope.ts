import type { Credentials } from './options.ts'

/** What a request is about to do, as tokens know it: `repository:NAME:pull`, several parted by spaces; '' for none. */
export type Scope = string

export function pullScope(repository: string): Scope { return `repository:${repository}:pull` }
export function pushScope(repository: string): Scope { return `repository:${repository}:pull,push` }
/** Services know deleting by several names; all of them is what skopeo asks for. */
export function deleteScope(repository: string): Scope { return `repository:${repository}:*` }
/** The destination first: some registries look at the first scope only. */
export function mountScope(repository: string, from: string): Scope { return `${pushScope(repository)} ${pullScope(from)}` }
export const catalogScope: Scope = 'registry:catalog:*'

/** The header for credentials that are shown as they are. */
export function basicHeader(credentials: Credentials | undefined): string | undefined {
  switch (credentials?.kind) {
    case undefined: case 'identity-token': return undefined
    case 'registry-token': return `Bearer ${credentials.token}`
    case 'basic': return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
  }
}
