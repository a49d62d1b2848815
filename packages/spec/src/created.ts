// When an image was made, for the rules that ask its age.
import { attestedDigest, type Descriptor, type Digest, digestOf, algorithmOf, DigestMismatchError, type RepositoryName, type Tag } from '@longshore/oci'
import type { Io, Source } from '@longshore/transfer'

/** Indexes may nest; deeper than this they are taken to say nothing. */
const maxDepth = 4
const maxConfigBytes = 8 * 1024 * 1024
const annotation = 'org.opencontainers.image.created'

/** The creation time that the manifest's annotation or the image's config states; of an index, that of its newest child. */
export async function createdTime(source: Source, repository: RepositoryName, reference: Tag | Digest, io: Io, depth = 0): Promise<Date | undefined> {
  const manifest = await source.manifest(repository, reference, io)
  if (!manifest) return undefined
  const stated = dateOf(manifest.annotations?.[annotation])
  if (stated) return stated
  switch (manifest.kind) {
    case 'image': return manifest.config ? configTime(source, repository, manifest.config, io) : undefined
    case 'index': {
      let newest: Date | undefined
      for (const child of depth < maxDepth ? manifest.manifests : []) {
        if (attestedDigest(child) !== undefined) continue
        const date = dateOf(child.annotations?.[annotation]) ?? await createdTime(source, repository, child.digest, io, depth + 1)
        if (date && (!newest || date > newest)) newest = date
      }
      return newest
    }
    case 'schema1': {
      const history = field(field(jsonOf(manifest.bytes), 'history'), '0')
      const compatibility = field(history, 'v1Compatibility')
      return typeof compatibility === 'string' ? dateOf(field(jsonOf(Buffer.from(compatibility)), 'created')) : undefined
    }
  }
}

async function configTime(source: Source, repository: RepositoryName, config: Descriptor, io: Io): Promise<Date | undefined> {
  if (config.size > maxConfigBytes) return undefined
  await using content = await source.blob(repository, config, io)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of content) {
    parts.push(part)
    size += part.byteLength
    if (size > config.size) break
  }
  const bytes = Buffer.concat(parts)
  const actual = digestOf(bytes, algorithmOf(config.digest))
  if (actual !== config.digest) throw new DigestMismatchError(`config of ${source.registry}/${repository}`, config.digest, actual)
  return dateOf(field(jsonOf(bytes), 'created'))
}

/** What is not JSON, or not a date, states no time. */
function jsonOf(bytes: Uint8Array): unknown {
  try { return JSON.parse(Buffer.from(bytes).toString('utf8')) } catch { return undefined }
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value ? (value as Record<string, unknown>)[key] : undefined
}

function dateOf(value: unknown): Date | undefined {
  const date = typeof value === 'string' ? new Date(value) : undefined
  return date && !Number.isNaN(date.getTime()) ? date : undefined
}
