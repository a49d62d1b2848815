// Which children of an index are carried, and what the index becomes when the others are cut out of it.
import { attestedDigest, decodeManifest, type Descriptor, type ImageIndex, matchesPlatform, type Platform } from '@longshore/oci'

/**
 * The children for the wished platforms, and the attestations about them. A child that names no platform (an artifact, a
 * nested index) is carried: nothing says that it may be left out. No wishes: all.
 */
export function chooseChildren(index: ImageIndex, wishes: readonly Platform[]): readonly Descriptor[] {
  if (wishes.length === 0) return index.manifests
  const chosen = new Set<string>()
  for (const child of index.manifests) {
    const { platform } = child
    if (attestedDigest(child) !== undefined) continue
    if (platform === undefined || wishes.some((wish) => matchesPlatform(wish, platform))) chosen.add(child.digest)
  }
  return index.manifests.filter((child) => chosen.has(attestedDigest(child) ?? child.digest))
}

/**
 * The index without the children that were not chosen, and with the digests that nested indexes took on. Everything else,
 * unknown fields included, stays as it was; the bytes are new.
 */
export function stripIndex(index: ImageIndex, chosen: readonly Descriptor[], rewritten: ReadonlyMap<string, Descriptor>, what: string): ImageIndex {
  const kept = new Set(chosen.map((child) => child.digest))
  const json = JSON.parse(new TextDecoder().decode(index.bytes)) as { manifests: Descriptor[] }
  json.manifests = json.manifests.filter((child) => kept.has(child.digest)).map((child) => {
    const now = rewritten.get(child.digest)
    return now ? { ...child, digest: now.digest, size: now.size } : child
  })
  const bytes = new TextEncoder().encode(JSON.stringify(json))
  return decodeManifest(bytes, index.mediaType, what) as ImageIndex
}
