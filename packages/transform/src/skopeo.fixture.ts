// The same image for skopeo and for us: from a registry in memory to a `dir:` that skopeo reads, and back from what it wrote.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { type Descriptor, type Digest, digestOf, hexOf, type Manifest, MediaType, type RepositoryName, successors, type Tag } from '@longshore/oci'
import type { MemoryRegistry } from '@longshore/testing/contracts'
import type { Source } from '@longshore/transfer'

export const docker = { tar: 'application/vnd.docker.image.rootfs.diff.tar', gzip: MediaType.dockerLayer, foreign: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }
export const oci = { tar: MediaType.ociLayer, gzip: `${MediaType.ociLayer}+gzip`, zstd: `${MediaType.ociLayer}+zstd` }
export const repository = 'team/app' as RepositoryName
export const v1 = 'v1' as Tag
export const io = { signal: new AbortController().signal }
const run = promisify(execFile)

/** Every field that Docker has, those that OCI leaves out, and texts that Go spells in its own way. */
export const dockerConfig = (diffIds: readonly Digest[]): object => ({
  id: 'x', architecture: 'arm64', variant: 'v8', os: 'linux', 'os.version': '10.1', 'os.features': ['a'], created: '2020-01-01T00:00:00.1200+00:00', author: 'A & <b> \u2028 \\b "q"', docker_version: '20',
  container: 'c', container_config: { Hostname: 'q' },
  config: {
    Hostname: 'h', User: '', Env: ['A=\b\f\t&', 'PATH=/ü'], Cmd: null, Entrypoint: ['/x'], ExposedPorts: { '80/tcp': {}, '10/tcp': {} }, Labels: { b: '1', a: '2', 10: 'z', 9: 'y', Ä: '' }, ArgsEscaped: true,
    StopSignal: '', Volumes: {}, WorkingDir: '/', OnBuild: ['RUN x'], Healthcheck: { Test: ['NONE'] }, Memory: 0,
  },
  history: [{ created: '2020-01-01T00:00:00.120Z', created_by: 'a < b', empty_layer: false, comment: '' }, { created_by: 'x', empty_layer: true }, { created: '2020-01-01T01:00:00+01:00', author: 'z' }],
  rootfs: { type: 'layers', diff_ids: diffIds, base_layer: 'y' }, unknown: 1,
})

export interface LayerSpec { readonly bytes: Uint8Array; readonly mediaType: string; readonly more?: object }
export const plain = (text: string): Uint8Array => Buffer.from(text.repeat(400))
export const gzipped = (text: string): Uint8Array => gzipSync(plain(text))

export function addImage(registry: MemoryRegistry, layers: readonly LayerSpec[], format: 'oci' | 'v2s2', tag?: string, more: object = {}): Descriptor {
  const diffIds = layers.map(({ bytes }) => digestOf(decompressed(bytes)))
  const config = registry.addBlob(repository, Buffer.from(JSON.stringify(dockerConfig(diffIds))), format === 'oci' ? MediaType.ociConfig : MediaType.dockerConfig)
  return registry.addManifest(repository, {
    schemaVersion: 2, mediaType: format === 'oci' ? MediaType.ociManifest : MediaType.dockerManifest, config,
    layers: layers.map(({ bytes, mediaType, more: rest }) => ({ ...registry.addBlob(repository, bytes, mediaType), ...rest })), ...more,
  }, tag)
}

export function decompressed(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes[0] === 0x28 && bytes[1] === 0xb5 ? zstdDecompressSync(bytes) : bytes
}

/** An image read through a source, children first, and every blob of it that the source has. */
export async function readAll(source: Source, reference: Tag | Digest): Promise<{ readonly manifests: Manifest[]; readonly blobs: Map<Digest, Uint8Array> }> {
  const manifest = await source.manifest(repository, reference, io)
  if (!manifest) throw new Error(`there is no ${reference}`)
  const manifests: Manifest[] = []
  const blobs = new Map<Digest, Uint8Array>()
  for (const child of successors(manifest).manifests) {
    const below = await readAll(source, child.digest)
    manifests.push(...below.manifests)
    for (const [digest, bytes] of below.blobs) blobs.set(digest, bytes)
  }
  for (const desc of successors(manifest).blobs) {
    if ((desc.urls?.length ?? 0) > 0) continue
    const chunks: Uint8Array[] = []
    await using content = await source.blob(repository, desc, io)
    for await (const chunk of content) chunks.push(chunk)
    blobs.set(desc.digest, Buffer.concat(chunks))
  }
  return { manifests: [...manifests, manifest], blobs }
}

/** skopeo's `dir:` of an image, version 1.1. */
export async function writeDir(source: Source, reference: Tag | Digest, parent: string): Promise<string> {
  const path = await mkdtemp(join(parent, 'in-'))
  const { manifests, blobs } = await readAll(source, reference)
  await writeFile(join(path, 'version'), 'Directory Transport Version: 1.1\n')
  for (const [i, manifest] of manifests.entries()) await writeFile(join(path, i === manifests.length - 1 ? 'manifest.json' : `${hexOf(manifest.digest)}.manifest.json`), manifest.bytes)
  for (const [digest, bytes] of blobs) await writeFile(join(path, hexOf(digest)), bytes)
  return path
}

/** What `skopeo copy FLAGS` makes of it: manifests by file, and blobs by digest. @throws its stderr */
export async function skopeoCopy(path: string, flags: readonly string[]): Promise<{ readonly manifest: Record<string, unknown>; readonly text: string; readonly children: Map<Digest, string>; readonly blobs: Map<Digest, Uint8Array> }> {
  const out = `${path}.out-${flags.join('-').replaceAll(/[^a-z0-9-]/g, '')}`
  await mkdir(out)
  await run('skopeo', ['--insecure-policy', 'copy', ...flags, `dir:${path}`, `dir:${out}`])
  const blobs = new Map<Digest, Uint8Array>()
  const children = new Map<Digest, string>()
  for (const name of await readdir(out)) {
    if (/^[0-9a-f]{64}$/.test(name)) blobs.set(`sha256:${name}` as Digest, await readFile(join(out, name)))
    if (name.endsWith('.manifest.json')) children.set(`sha256:${name.slice(0, 64)}` as Digest, await readFile(join(out, name), 'utf8'))
  }
  const text = await readFile(join(out, 'manifest.json'), 'utf8')
  return { manifest: JSON.parse(text) as Record<string, unknown>, text, children, blobs }
}
