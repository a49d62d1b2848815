import { type Digest, isManifestType, type Manifest, successors } from '@longshore/oci'
import type { Entry } from './index-file.ts'

type ManifestOf = (entry: Entry) => Promise<Manifest | undefined>

/** What is reached from the entries, themselves included. What is not there, or cannot be read, reaches nothing. */
async function reached(entries: readonly Entry[], manifestOf: ManifestOf): Promise<ReadonlySet<Digest>> {
  const seen = new Set<Digest>()
  const todo = [...entries]
  for (let entry = todo.pop(); entry; entry = todo.pop()) {
    if (seen.has(entry.digest)) continue
    seen.add(entry.digest)
    if (!isManifestType(entry.mediaType)) continue
    const manifest = await manifestOf(entry)
    if (!manifest) continue
    const { blobs, manifests } = successors(manifest)
    for (const blob of blobs) seen.add(blob.digest)
    todo.push(...manifests)
  }
  return seen
}

/** What is reached from `gone` and not from `kept`. @throws InvalidManifestError rather than to take a manifest that cannot be read for one that needs nothing */
export async function unreachable(gone: readonly Entry[], kept: readonly Entry[], manifestOf: ManifestOf): Promise<readonly Digest[]> {
  const needed = await reached(kept, manifestOf)
  return [...await reached(gone, manifestOf)].filter((digest) => !needed.has(digest))
}
