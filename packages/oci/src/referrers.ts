import { type Digest, hexOf, algorithmOf, isDigest } from './digest.ts'
import type { Tag } from './reference.ts'

/** The tag that lists a manifest's referrers where the API is missing. distribution-spec v1.1.1, "Referrers Tag Schema". */
export function referrersTag(subject: Digest): Tag {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}` as Tag
}

const companionPattern = /^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$/

/** Which manifest a fallback tag (`sha256-<hex>`) or a cosign tag (`sha256-<hex>.sig`, `.att`, `.sbom`) is about. */
export function companionSubject(tag: string): Digest | undefined {
  const hex = companionPattern.exec(tag)?.[1]
  const digest = `sha256:${hex ?? ''}`
  return isDigest(digest) ? digest : undefined
}
