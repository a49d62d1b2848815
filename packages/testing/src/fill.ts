import { decodeManifest, type Digest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
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
  for (const blob of content.blobs.values()) {
    const desc = { mediaType: MediaType.ociLayer, digest: blob.digest, size: blob.size }
    await target.push(repository, desc, openerOf(bytesOf(blob)), { signal, mayExist: true })
  }
  let last = { subjectTaken: false }
  for (const each of content.manifests) {
    const manifest = decodeManifest(each.bytes, each.mediaType, 'made up')
    last = await target.put(repository, manifest, each === content.root ? reference : each.digest, { signal })
  }
  return last
}
