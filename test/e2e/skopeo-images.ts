// Images written by hand into dir: layouts, so that real skopeo and Longshore read the same bytes.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type Finished, launch } from './cli-process.ts'

export const realSkopeo = '/usr/bin/skopeo'

/** Debian's skopeo, with the same surroundings as ours. */
export function skopeo(args: readonly string[], options: { readonly stdin?: string; readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): Promise<Finished> {
  return launch(args, { ...options, command: realSkopeo })
    .finished
}

export interface Written { readonly path: string; readonly mediaType: string; readonly digest: string; readonly size: number; readonly bytes: Buffer }

const types = {
  docker: ['application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.container.image.v1+json', 'application/vnd.docker.image.rootfs.diff.tar.gzip'],
  oci: ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.config.v1+json', 'application/vnd.oci.image.layer.v1.tar+gzip'],
} as const

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** One image of one layer. @param config laid over `architecture`, `os`, `rootfs` */
export async function writeImage(path: string, kind: keyof typeof types, config: Readonly<Record<string, unknown>>, layerAnnotations?: Readonly<Record<string, string>>): Promise<Written> {
  await mkdir(path, { recursive: true })
  const [manifestType, configType, layerType] = types[kind]
  const tar = Buffer.alloc(1024)
  const layer = gzipSync(tar)
  const text = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(tar)}`] }, ...config }))
  const bytes = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: manifestType, config: { mediaType: configType, size: text.length, digest: `sha256:${sha256(text)}` },
    layers: [{ mediaType: layerType, size: layer.length, digest: `sha256:${sha256(layer)}`, ...(layerAnnotations ? { annotations: layerAnnotations } : {}) }],
  }, undefined, 3))
  await Promise.all([
    writeFile(join(path, sha256(layer)), layer), writeFile(join(path, sha256(text)), text), writeFile(join(path, 'manifest.json'), bytes),
    writeFile(join(path, 'version'), 'Directory Transport Version: 1.1\n'),
  ])
  return { path, mediaType: manifestType, digest: `sha256:${sha256(bytes)}`, size: bytes.length, bytes }
}

/** By real skopeo. */
export async function pushImage(image: Written, reference: string, flags: readonly string[] = []): Promise<void> {
  await promisify(execFile)(realSkopeo, ['--insecure-policy', 'copy', '-q', '--preserve-digests', '--dest-tls-verify=false', ...flags, `dir:${image.path}`, reference])
}

/** A list of images that are there. */
export async function putList(url: string, repository: string, tag: string, children: ReadonlyArray<readonly [Written, Readonly<Record<string, string>>]>): Promise<void> {
  const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json'
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT', headers: { 'content-type': mediaType },
    body: JSON.stringify({ schemaVersion: 2, mediaType, manifests: children.map(([image, platform]) => ({ mediaType: image.mediaType, size: image.size, digest: image.digest, platform })) }),
  })
  if (answer.status !== 201) throw new Error(`the registry answered ${answer.status} to a list`)
}

/** The message of a logrus line, unquoted; '' where there is none. */
export function messageOf(stderr: string): string {
  const [, quoted, plain] = /level=fatal msg=(?:("(?:[^"\\]|\\.)*")|(\S+))/.exec(stderr) ?? []
  return quoted === undefined ? plain ?? '' : JSON.parse(quoted.replace(/\\x([\da-f]{2})/g, '\\u00$1')) as string
}
