// Images of real tar files, and podman: on a store of its own, and behind Docker's API. Nothing is pulled.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { decodeManifest, type Descriptor, digestOf, type ImageManifest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content, Source, Target } from '@longshore/transfer'
import { env } from './podman.config.ts'
import { storeFlags } from './store-spec.ts'

export const io = { signal: new AbortController().signal }
export const repository = 'localhost/team/app' as RepositoryName
const run = promisify(execFile)

export async function podman(spec: string, ...args: string[]): Promise<string> { return (await run('podman', [...storeFlags(spec), ...args], { env: { ...env } })).stdout.trim() }

export function openerOf(bytes: Uint8Array): (offset: number) => Promise<Content> {
  return async (offset) => ({ async *[Symbol.asyncIterator]() { yield bytes.subarray(offset) }, async [Symbol.asyncDispose]() {} })
}

export async function bytesOf(source: Source, desc: Descriptor, from = repository): Promise<Buffer> {
  await using content = await source.blob(from, desc, io)
  return Buffer.concat(await Array.fromAsync(content))
}

export async function tarOf(folder: string, name: string, text: string): Promise<Buffer> {
  const directory = join(folder, `tar-${name}-${digestOf(Buffer.from(text)).slice(7, 19)}`)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, name), text)
  return execFileSync('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-cf', '-', '-C', directory, name])
}

/** An image of one gzipped layer, pushed as the engine of a migration pushes. */
export async function put(target: Target, folder: string, text: string, tag: Tag, format: 'oci' | 'docker' = 'oci', to = repository): Promise<ImageManifest> {
  const tar = await tarOf(folder, 'file', text)
  const layer = gzipSync(tar)
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: { text } }, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] }, history: [{ created: '2020-01-01T00:00:00Z' }] }))
  const of = (bytes: Uint8Array, mediaType: string): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength })
  const mediaType = format === 'oci' ? MediaType.ociManifest : MediaType.dockerManifest
  const json = {
    schemaVersion: 2, mediaType, config: of(config, format === 'oci' ? MediaType.ociConfig : MediaType.dockerConfig),
    layers: [of(layer, format === 'oci' ? `${MediaType.ociLayer}+gzip` : MediaType.dockerLayer)],
  }
  const manifest = decodeManifest(Buffer.from(JSON.stringify(json, undefined, 2)), mediaType, 'test') as ImageManifest
  await target.push(to, json.config, openerOf(config), { ...io, mayExist: false })
  await target.push(to, json.layers[0] as Descriptor, openerOf(layer), { ...io, mayExist: false })
  await target.put(to, manifest, tag, io)
  return manifest
}

/** podman's own service, which answers as a Docker engine does. */
export async function startEngine(spec: string, socket: string): Promise<AsyncDisposable> {
  const child = spawn('podman', [...storeFlags(spec), 'system', 'service', '--time=0', `unix://${socket}`], { env: { ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let told = ''
  child.stderr.on('data', (text: Buffer) => { told += text.toString() })
  child.on('error', (error) => { told += `${error.message} (the tests need podman: apt-get install -y --no-install-recommends podman)` })
  for (let tries = 0; !existsSync(socket); tries++) {
    if (child.exitCode !== null || child.pid === undefined || tries > 100) throw new Error(`podman system service does not start: ${told}`)
    await delay(100)
  }
  return { async [Symbol.asyncDispose]() {
    if (child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill()
    await ended
  } }
}
