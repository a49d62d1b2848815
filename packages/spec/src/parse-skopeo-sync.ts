// For `skopeo sync --src yaml`, which names destinations in its own way.
import { join } from 'node:path/posix'
import { type Digest, joinReference, type RepositoryName, type Tag } from '@longshore/oci'
import { decodeText, type SpecInput } from './decode-text.ts'
import type { ParsedSkopeoSync } from './skopeo-sync.ts'
import { SpecError } from './spec-error.ts'

export type { ParsedSkopeoSync, SkopeoRegistry, SkopeoRepository } from './skopeo-sync.ts'

/** Per registry: repositories, what is wanted of them, credentials and TLS. @throws SpecError */
export async function parseSkopeoSync(input: SpecInput): Promise<ParsedSkopeoSync> {
  const text = decodeText(input)
  if (typeof text !== 'string') throw new SpecError([text])
  const [{ readDocument }, { readSkopeoSync }] = await Promise.all([import('./document.ts'), import('./skopeo-sync.ts')])
  const document = readDocument(input.name, text)
  if (document.value === null || document.value === undefined) throw new SpecError([{ file: input.name, message: 'is empty' }])
  return readSkopeoSync(input.name, document)
}

/**
 * Where `skopeo sync` puts an image: below `destination` (its second argument, without a transport) its whole name with `scoped`, else only the
 * last component of it; and `appendSuffix` behind the tag.
 */
export function skopeoDestination(
  destination: string, image: { readonly registry: string; readonly repository: RepositoryName; readonly reference: Tag | Digest }, options: { readonly scoped?: boolean; readonly appendSuffix?: string },
): string {
  const name = options.scoped === true ? `${image.registry}/${image.repository}` : image.repository.slice(image.repository.lastIndexOf('/') + 1)
  return `${join(destination, joinReference(name, image.reference))}${options.appendSuffix ?? ''}`
}
