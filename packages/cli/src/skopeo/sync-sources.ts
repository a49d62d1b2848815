// What skopeo sync copies from: one reference or all tags of a repository, every image below a directory, or what a YAML file chooses.
import { MigrationError, parseEndpoint, printable, type RepositoryName, type Tag } from '@longshore/oci'
import type { Io, Source } from '@longshore/transfer'
import { atRepository, type End, endOf } from './copy-request.ts'

/** Nothing that could be copied was found. The wording is skopeo's. */
export class NothingToSyncError extends MigrationError {
  override readonly name = 'NothingToSyncError'
  override readonly code = 'NOTHING_TO_SYNC'
  constructor(source: string) { super(printable(`No images to sync found in "${source}"`)) }
}

/** `host/path` for all tags, `host/path:tag` or `host/path@digest` for one image. @throws InvalidReferenceError, NothingToSyncError */
export async function fromRegistry(text: string, sourceOf: (registry: string) => Source, io: Io): Promise<readonly End[]> {
  const endpoint = parseEndpoint(`docker://${text}`, '/')
  if (endpoint.reference !== undefined) return [endOf(endpoint)]
  const { registry, repository } = endpoint
  const tags = await sourceOf(registry).tags(repository, io)
  if (tags === undefined || tags.length === 0) throw new NothingToSyncError(text)
  return tags.map((reference) => ({ registry, repository, reference }))
}

/** Every image at or below a directory. @throws NothingToSyncError */
export async function fromDirectory(text: string, directory: string, sourceOf: (registry: string) => Source, io: Io): Promise<readonly End[]> {
  const registry = `dir:${directory}`
  const found: End[] = []
  for await (const repository of sourceOf(registry).catalog(io)) found.push(atRepository(registry, repository, '' as Tag))
  if (found.length === 0) throw new NothingToSyncError(text)
  return found.sort((a, b) => (a.repository < b.repository ? -1 : 1))
}

/** Every tag of a storage tree, or of one repository of it: `PATH`, `PATH:repository`, `PATH:repository:tag`. @throws NothingToSyncError */
export async function fromStorage(text: string, cwd: string, sourceOf: (registry: string) => Source, io: Io): Promise<readonly End[]> {
  const endpoint = parseEndpoint(`registry-storage:${text}`, cwd)
  const source = sourceOf(endpoint.registry)
  if (endpoint.reference !== undefined) return [endOf(endpoint)]
  const repositories: string[] = []
  if (endpoint.repository === '') for await (const name of source.catalog(io)) repositories.push(name)
  else repositories.push(endpoint.repository)
  const found: End[] = []
  for (const repository of repositories) {
    for (const tag of await source.tags(repository as RepositoryName, io) ?? []) found.push(atRepository(endpoint.registry, repository, tag))
  }
  if (found.length === 0) throw new NothingToSyncError(text)
  return found
}
