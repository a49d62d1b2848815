import { decodeManifest, type Digest, MediaType, type RepositoryName, successors, type Tag } from '@longshore/oci'
import type { Content, Opener, Target } from '@longshore/transfer'
import { bytesOf } from './content/blob.ts'
import type { SyntheticContent } from './content/image.ts'

export const { signal } = new AbortController()

/** Opens the bytes in chunks of 64 KiB, breaking off at `failAt` where that is given. */
export function openerOf(bytes: Uint8Array, { failAt = Infinity, onChunk }: { readonly failAt?: number; readonly onChunk?: () => void } = {}): Opener {
  return (offset: number): Promise<Content> => Promise.resolve({
    async *[Symbol.asyncIterator]() {
      for (let at = offset; at < bytes.byteLength; at += 65_536) {
        if (at + 65_536 > failAt) throw new Error('the content broke off')
        yield bytes.subarray(at, at + 65_536)
        onChunk?.()
      }
    },
    async [Symbol.asyncDispose]() { /* nothing is held */ },
  })
}

/** Pushes the content as the engine does: blobs, then manifests, children first, the root under `reference`. */
export async function fill(target: Target, repository: RepositoryName, content: SyntheticContent, reference: Tag | Digest): Promise<{ readonly subjectTaken: boolean }> {
  // Some places keep configurations and layers apart, and know them by their types.
  const manifests = content.manifests.map((each) => decodeManifest(each.bytes, each.mediaType, 'made up'))
  const types = new Map(manifests.flatMap((manifest) => successors(manifest).blobs).map(({ digest, mediaType }) => [digest, mediaType]))
  for (const blob of content.blobs.values()) {
    const desc = { mediaType: types.get(blob.digest) ?? MediaType.ociLayer, digest: blob.digest, size: blob.size }
    await target.push(repository, desc, openerOf(bytesOf(blob)), { signal, mayExist: true })
  }
  let last = { subjectTaken: false }
  for (const [at, manifest] of manifests.entries()) {
    last = await target.put(repository, manifest, at === manifests.length - 1 ? reference : manifest.digest, { signal })
  }
  return last
}
