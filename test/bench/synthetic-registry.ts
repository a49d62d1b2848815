// Two registries that hold almost nothing: a source whose content is computed from its names, and a destination that takes
// everything and keeps nothing. For measuring the pool with many images: what the registries cost is not the question.
//
//   node synthetic-registry.ts IMAGES LAYERS      prints the two ports
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const images = Number(process.argv[2])
const layers = Number(process.argv[3])
/** Layers that all images draw from, so that some have to be mounted from other repositories. */
const sharedLayers = 200
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

interface Content { readonly bytes: Buffer; readonly digest: string }
const contentOf = (text: string): Content => {
  const bytes = Buffer.from(text)
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}
/** By the letters behind `sha256:`, what a blob says: its name alone. */
const blobs = new Map<string, string>()

/** `app-N:v1`: a config and layers, half of them its own, half from the shared ones. */
function manifestOf(n: number): Content {
  const blob = (name: string, mediaType: string): object => {
    const { bytes, digest } = contentOf(name)
    blobs.set(digest, name)
    return { mediaType, digest, size: bytes.length }
  }
  const own = Math.ceil(layers / 2)
  return contentOf(JSON.stringify({
    schemaVersion: 2, mediaType: manifestType,
    config: blob(`{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z","n":${n}}`, 'application/vnd.oci.image.config.v1+json'),
    layers: Array.from({ length: layers }, (_, i) => blob(i < own ? `layer ${i} of image ${n}` : `shared layer ${(n * 7 + i) % sharedLayers}`, 'application/vnd.oci.image.layer.v1.tar')),
  }))
}
const manifests = new Map<string, { readonly n: number; readonly digest: string }>()
for (let n = 0; n < images; n++) manifests.set(`scale/app-${n}`, { n, digest: manifestOf(n).digest })

type Reply = (response: ServerResponse, status: number, headers?: Readonly<Record<string, string>>, body?: Buffer | string) => void
const reply: Reply = (response, status, headers = {}, body = '') => {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers })
  response.end(body)
}
const unknown = (code: string): string => JSON.stringify({ errors: [{ code, message: 'unknown' }] })

function source(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? ''
  const [, repository = '', kind = '', reference = ''] = /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/([^?]+)/.exec(url) ?? []
  const known = manifests.get(repository)
  if (kind === '') return reply(response, 200)
  if (kind === 'referrers') return reply(response, 404, {}, unknown('NOT_FOUND'))
  if (!known) return reply(response, 404, {}, unknown('NAME_UNKNOWN'))
  if (kind === 'tags') return reply(response, 200, { 'content-type': 'application/json' }, JSON.stringify({ name: repository, tags: ['v1'] }))
  if (kind === 'blobs') {
    const text = blobs.get(reference)
    return text === undefined ? reply(response, 404, {}, unknown('BLOB_UNKNOWN')) : reply(response, 200, { 'content-type': 'application/octet-stream' }, text)
  }
  const { bytes, digest } = manifestOf(known.n)
  const headers = { 'content-type': manifestType, 'docker-content-digest': digest, 'content-length': String(bytes.length) }
  response.writeHead(200, headers)
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

function destination(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? ''
  request.resume()
  request.on('end', () => {
    if (url === '/v2/') return reply(response, 200)
    if (url.endsWith('/tags/list')) return reply(response, 404, {}, unknown('NAME_UNKNOWN'))
    if (request.method === 'HEAD' || request.method === 'GET') return reply(response, 404, {}, request.method === 'HEAD' ? '' : unknown('NOT_FOUND'))
    if (request.method === 'POST') {
      const [, repository, from] = /^\/v2\/(.+)\/blobs\/uploads\/\?mount=[^&]+&from=(.+)$/.exec(url) ?? []
      if ((from !== undefined && decodeURIComponent(from) !== repository) || url.includes('?digest=')) return reply(response, 201, { location: '/v2/x' })
      return reply(response, 202, { location: `${url.split('?')[0]}1` })
    }
    const reference = /\/manifests\/(.+)$/.exec(url)?.[1] ?? ''
    return reply(response, 201, { location: '/v2/x', ...(reference.startsWith('sha256:') ? { 'docker-content-digest': reference } : {}) })
  })
}

const ports = await Promise.all([source, destination].map(async (handler) => {
  const server = createServer(handler)
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}))
console.log(ports.join(' '))
