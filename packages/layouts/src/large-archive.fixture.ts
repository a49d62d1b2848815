// A process of its own for large-archive.test.ts: writes a docker-archive with one large layer, reads it again, and says how much memory it took.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { decodeManifest, type Descriptor, type Digest, digestOf, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content } from '@longshore/transfer'
import { openDockerArchive } from './docker-archive/docker-archive-source.ts'
import { createDockerArchive } from './docker-archive/docker-archive-target.ts'
import type { LayoutSource } from './layout.ts'

const [path = '', sizeText = '', what = ''] = process.argv.slice(2)
const size = Number(sizeText)
const none = '' as RepositoryName
const io = { signal: new AbortController().signal }
const chunk = Buffer.alloc(256 * 1024, 'what a layer holds, again and again; ')

async function* content(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += chunk.byteLength) {
    if (what === 'stop-halfway' && at >= size / 2) {
      process.stdout.write('half\n')
      await new Promise((resolve) => { setTimeout(resolve, 60_000) })
    }
    yield chunk.subarray(0, Math.min(chunk.byteLength, size - at))
  }
}

async function digestOfContent(bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const each of bytes) hash.update(each)
  return `sha256:${hash.digest('hex')}` as Digest
}

const diffId = what === 'stop-halfway' ? digestOf(chunk) : await digestOfContent(content())
const layer: Descriptor = { mediaType: 'application/vnd.docker.image.rootfs.diff.tar', digest: diffId, size }
const config = Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: [diffId] } }))
const configDesc: Descriptor = { mediaType: MediaType.dockerConfig, digest: digestOf(config), size: config.byteLength }
const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config: configDesc, layers: [layer] }))

const target = await createDockerArchive(`docker-archive:${path}`, io)
await target.push(none, configDesc, async (): Promise<Content> => (async function* () { yield config })(), io)
await target.push(none, layer, async () => content(), io)
await target.put(none, decodeManifest(bytes, MediaType.dockerManifest, 'made up'), '' as Tag, io)
await target.finish()

async function check(source: LayoutSource): Promise<void> {
  await using open = source
  const manifest = await open.manifest(none, '' as Tag, io)
  if (manifest?.kind !== 'image' || await digestOfContent(await open.blob(none, manifest.layers[0]!, io)) !== diffId) throw new Error('not what was written')
}
await check(await openDockerArchive(`docker-archive:${path}`, io))
await pipeline(createReadStream(path), createGzip({ level: 1 }), createWriteStream(`${path}.gz`))
await check(await openDockerArchive(`docker-archive:${path}.gz`, io))
// Linux counts kilobytes.
process.stdout.write(JSON.stringify({ maxRssBytes: process.resourceUsage().maxRSS * 1024 }))
