// A process that writes an image and asks before each step: `node killed.fixture.ts REGISTRY REPOSITORY REFERENCE`. It is killed on the way.
import { once } from 'node:events'
import { decodeManifest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import { bytesOf, image, index, openerOf, type SyntheticContent } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { openLayout } from './open.ts'

export const content: SyntheticContent = index({ children: [image({ seed: 'killed', layers: [200_000, 150_000] }), image({ seed: 'killed too', layers: [100_000] })] })

if (process.argv[1] === import.meta.filename) {
  const [registry, repository, reference] = process.argv.slice(2) as [string, RepositoryName, Tag]
  const { signal } = new AbortController()
  const step = async (): Promise<void> => {
    const go = once(process, 'message')
    process.send?.('step')
    await go
  }
  await using layout = openLayout(registry)
  for (const blob of content.blobs.values()) {
    const asking = async (offset: number): Promise<Content> => {
      const opened = await openerOf(bytesOf(blob))(offset)
      return {
        async *[Symbol.asyncIterator]() {
          for await (const chunk of opened) {
            await step()
            yield chunk
          }
        },
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      }
    }
    await layout.push(repository, { mediaType: MediaType.ociLayer, digest: blob.digest, size: blob.size }, asking, { signal })
  }
  for (const each of content.manifests) {
    await step()
    await layout.put(repository, decodeManifest(each.bytes, each.mediaType, 'made up'), each === content.root ? reference : each.digest, { signal })
  }
  process.disconnect()
}
