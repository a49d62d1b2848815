// Archives as tools write them, and as no tool would.
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { type Digest, digestOf, hexOf } from '@longshore/oci'
import { type Header, pack } from 'tar-stream'
import { afterEach } from 'vitest'

export const run = promisify(execFile)
export const io = { signal: new AbortController().signal }

const folders: string[] = []
/** A folder of its own for a test; gone after it. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'))
  folders.push(folder)
  return folder
}
afterEach(async () => { for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true }) })

export type TarItem = Partial<Header> & { readonly name: string; readonly bytes?: Uint8Array | string }

export async function tarBytes(items: readonly TarItem[]): Promise<Buffer> {
  const tar = pack()
  for (const { bytes, ...header } of items) {
    if (bytes === undefined) tar.entry(header)
    else tar.entry(header, Buffer.from(bytes))
  }
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Uint8Array>))
}

export async function writeTar(path: string, items: readonly TarItem[]): Promise<string> {
  await pipeline([await tarBytes(items)], createWriteStream(path))
  return path
}

/** A layer: a real tar file with one file of these bytes. */
export function layerOf(text: string): Promise<Buffer> { return tarBytes([{ name: 'file', mtime: new Date(0), bytes: text }]) }

export interface MadeImage { readonly config: Buffer; readonly layers: readonly Buffer[]; readonly diffIds: readonly Digest[] }

export async function makeImage(...texts: readonly string[]): Promise<MadeImage> {
  const layers = await Promise.all(texts.map(layerOf))
  const diffIds = layers.map((bytes) => digestOf(bytes))
  const config = Buffer.from(JSON.stringify({
    architecture: 'amd64', os: 'linux', created: '2024-01-01T00:00:00Z', config: { Cmd: ['/x', '<&>'] },
    rootfs: { type: 'layers', diff_ids: diffIds }, history: texts.map(() => ({ created_by: 'made up' })),
  }))
  return { config, layers, diffIds }
}

export type Compress = (bytes: Buffer) => Buffer

/** As Docker 1.10 to 24 writes it: a folder for each layer, a layer that comes again as a link to where it was. */
export function savedOld(images: readonly { readonly image: MadeImage; readonly tags: readonly string[] }[], compress: Compress = (bytes) => bytes): readonly TarItem[] {
  const items = new Map<string, TarItem>()
  const first = new Map<string, string>()
  const list = images.map(({ image, tags }, n) => {
    const Layers = image.layers.map((bytes, at) => {
      const id = hexOf(digestOf(Buffer.from(`${n}/${at}/${image.diffIds[at]!}`)))
      const path = `${id}/layer.tar`
      items.set(`${id}/`, { name: `${id}/`, type: 'directory' })
      items.set(`${id}/VERSION`, { name: `${id}/VERSION`, bytes: '1.0' })
      items.set(`${id}/json`, { name: `${id}/json`, bytes: JSON.stringify({ id }) })
      const before = first.get(image.diffIds[at]!)
      items.set(path, before === undefined ? { name: path, bytes: compress(bytes) } : { name: path, type: 'symlink', linkname: `../${before}` })
      first.set(image.diffIds[at]!, before ?? path)
      return path
    })
    const Config = `${hexOf(digestOf(image.config))}.json`
    items.set(Config, { name: Config, bytes: image.config })
    return { Config, RepoTags: tags.length === 0 ? null : tags, Layers }
  })
  return [...items.values(), { name: 'manifest.json', bytes: JSON.stringify(list) }, { name: 'repositories', bytes: '{}' }]
}

/** As Docker 25 and later writes it: an OCI layout, and manifest.json beside index.json. */
export function savedNew(images: readonly { readonly image: MadeImage; readonly tags: readonly string[] }[], compress: Compress = (bytes) => bytes): readonly TarItem[] {
  const items = new Map<string, TarItem>([['blobs/', { name: 'blobs/', type: 'directory' }], ['blobs/sha256/', { name: 'blobs/sha256/', type: 'directory' }]])
  const add = (bytes: Buffer): string => {
    const name = `blobs/sha256/${hexOf(digestOf(bytes))}`
    items.set(name, { name, bytes })
    return name
  }
  const manifests: unknown[] = []
  const list = images.map(({ image, tags }) => {
    const layers = image.layers.map((bytes) => compress(bytes))
    const manifest = Buffer.from(JSON.stringify({
      schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(image.config), size: image.config.byteLength },
      layers: layers.map((bytes) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.byteLength })),
    }))
    add(manifest)
    manifests.push({ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(manifest), size: manifest.byteLength })
    return { Config: add(image.config), RepoTags: tags, Layers: layers.map(add) }
  })
  return [
    ...items.values(), { name: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }) },
    { name: 'manifest.json', bytes: JSON.stringify(list) }, { name: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' },
  ]
}

/** Temporary files in `folder` that still have a name, or that this process holds open though they have none any more. */
export async function leftBehind(folder: string): Promise<readonly string[]> {
  const named = await readdir(folder)
  const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return [...named, ...open.filter((path) => path.startsWith(folder))]
}
