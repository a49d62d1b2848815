// Where skopeo sync puts an image: skopeo-sync(1), and cmd/skopeo/sync.go to the letter, except that two images in one place are an error.
import { basename, posix } from 'node:path'
import { isDigest, joinReference, MigrationError, parseEndpoint, printable, type Tag, transportOf } from '@longshore/oci'
import { formatEnd, imageId } from '@longshore/transfer'
import { atRepository, type CopyRequest, type End, endOf, formatImageName, toImage } from './copy-request.ts'

export interface SyncDestination {
  readonly transport: 'docker' | 'dir' | 'registry-storage'
  /** As it was written: `host/path`, or a directory made absolute. */
  readonly place: string
  readonly scoped: boolean
  readonly appendSuffix: string
}

/** Two images would lie in one place: skopeo lets the last one win. */
export class SyncCollisionError extends MigrationError {
  override readonly name = 'SyncCollisionError'
  override readonly code = 'DESTINATION_COLLISION'
  constructor(destination: string, first: string, second: string) {
    super(printable(`${destination}: both ${first} and ${second} would be put there; --scoped keeps their whole names apart`))
  }
}

/**
 * The name that a source leaves behind: `host/path:tag` or `host/path@digest` of a registry, `path:tag` of its files; of a directory its path below the base, or its own
 * name where the base is the image itself.
 */
export function suffixOf(source: End, base?: string): string {
  // A storage tree names no registry of its own.
  if (transportOf(source.registry) === 'registry-storage') return joinReference(source.repository, source.reference)
  if (base !== undefined) return source.repository === '' ? basename(base) : source.repository
  return `${formatEnd({ ...source, reference: '' as Tag }).replace(/:$/, '')}${isDigest(source.reference) ? '@' : ':'}${source.reference}`
}

/** @throws InvalidReferenceError where the name is none for the destination */
export function destinationOf(suffix: string, to: SyncDestination): End {
  const kept = to.scoped ? suffix : posix.basename(suffix)
  if (to.transport === 'dir') return atRepository(`dir:${to.place}`, posix.join(kept) + to.appendSuffix, '' as Tag)
  const name = posix.join(to.transport === 'docker' ? to.place : '', kept) + to.appendSuffix
  return endOf(parseEndpoint(to.transport === 'docker' ? `docker://${name}` : `registry-storage:${to.place}:${name}`, '/'))
}

/** @throws SyncCollisionError */
export function checkCollisions(requests: readonly CopyRequest[]): readonly CopyRequest[] {
  const there = new Map<string, CopyRequest>()
  const distinct: CopyRequest[] = []
  for (const request of requests) {
    const id = imageId(toImage(request))
    const other = there.get(id)
    // Named twice is named once.
    if (other && formatEnd(other.source) === formatEnd(request.source)) continue
    if (other) throw new SyncCollisionError(formatImageName(request.destination), formatImageName(other.source), formatImageName(request.source))
    there.set(id, request)
    distinct.push(request)
  }
  return distinct
}
