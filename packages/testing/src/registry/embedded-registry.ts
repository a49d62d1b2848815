// A registry in this process: real HTTP on 127.0.0.1, content in memory, strict to
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md and able to fail on demand. Direct methods seed
// and inspect it without HTTP; what they do is not in the log of requests.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { decodeManifest, type Digest, isRepositoryName, type Manifest } from '@longshore/oci'
import { answerToken, authorize, Tokens } from './auth.ts'
import { answerBlob } from './blobs.ts'
import { answer, answerJson, answerRefusal, type Exchange, Gone, Refusal } from './exchange.ts'
import { type FaultRule, FaultScript } from './fault.ts'
import { answerCatalog, answerReferrers, answerTags } from './lists.ts'
import { answerManifest } from './manifests.ts'
import type { EmbeddedRegistryOptions } from './options.ts'
import type { RegistryState } from './registry-state.ts'
import { type LoggedRequest, matchesRequest, type RequestFilter } from './request.ts'
import { routeOf } from './route.ts'
import { digestOfChunks, Store } from './store.ts'
import { answerUpload, startUpload } from './uploads.ts'

/** Called once the request is understood and allowed, before it is acted on; what it returns is awaited. */
export type RequestHook = (request: LoggedRequest) => void | Promise<void>

export interface EmbeddedRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:port`, or `https:` with TLS. */
  readonly url: string
  /** `127.0.0.1:port`. */
  readonly host: string
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly LoggedRequest[]
  count(filter?: RequestFilter): number
  clearRequests(): void
  fail(rule: FaultRule): void
  clearFaults(): void
  /** Returns what takes the hook away again. */
  onRequest(hook: RequestHook): () => void
  expireTokens(): void
  /** All that were given so far: to see that they are nowhere else. */
  readonly tokens: readonly string[]
  hasBlob(repository: string, digest: Digest): boolean
  hasManifest(repository: string, digest: Digest): boolean
  manifest(repository: string, reference: string): Manifest | undefined
  /** The digest that a tag names. */
  tag(repository: string, tag: string): Digest | undefined
  tags(repository: string): readonly string[]
  repositories(): readonly string[]
  putBlob(repository: string, content: Uint8Array | Iterable<Uint8Array>): Digest
  /** Nothing is checked: a manifest with missing blobs can be planted. @throws InvalidManifestError when it is no manifest */
  putManifest(repository: string, bytes: Uint8Array, mediaType: string, tag?: string): Digest
  setTag(repository: string, tag: string, digest: Digest): void
  deleteTag(repository: string, tag: string): boolean
  deleteBlob(repository: string, digest: Digest): boolean
  deleteManifest(repository: string, digest: Digest): boolean
  /** Its digest stays, one bit of its content changes, in every repository. */
  corruptBlob(digest: Digest): void
}

export async function startEmbeddedRegistry(options: EmbeddedRegistryOptions = {}): Promise<EmbeddedRegistry> {
  const state: RegistryState = { options, store: new Store(), uploads: new Map(), tokens: new Tokens(), url: '' }
  const faults = new FaultScript()
  const hooks = new Set<RequestHook>()
  const requests: LoggedRequest[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(state, faults, hooks, requests, request, response)
  }
  const server = serverOf(options, listener)
  server.keepAliveTimeout = 60_000
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  state.url = `${options.tls ? 'https' : 'http'}://${host}`
  const { store } = state
  return {
    url: state.url,
    host,
    requests,
    count: (filter = {}) => requests.filter((request) => matchesRequest(filter, request)).length,
    clearRequests() { requests.length = 0 },
    fail(rule) { faults.add(rule) },
    clearFaults() { faults.clear() },
    onRequest(hook) {
      hooks.add(hook)
      return () => { hooks.delete(hook) }
    },
    expireTokens() { state.tokens.expireAll() },
    tokens: state.tokens.given,
    hasBlob: (repository, digest) => store.blob(repository, digest) !== undefined,
    hasManifest: (repository, digest) => store.repositories.get(repository)?.manifests.has(digest) === true,
    manifest: (repository, reference) => store.manifest(repository, reference),
    tag: (repository, tag) => store.repositories.get(repository)?.tags.get(tag),
    tags: (repository) => [...(store.repositories.get(repository)?.tags.keys() ?? [])].toSorted(),
    repositories: () => [...store.repositories.keys()].toSorted(),
    putBlob(repository, content) {
      const chunks = content instanceof Uint8Array ? [content] : [...content]
      const digest = digestOfChunks(chunks)
      store.putBlob(repository, digest, { size: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0), chunks })
      return digest
    },
    putManifest(repository, bytes, mediaType, tag) {
      const manifest = decodeManifest(bytes, mediaType, 'the manifest to plant')
      store.repository(repository).manifests.set(manifest.digest, manifest)
      if (tag !== undefined) store.repository(repository).tags.set(tag, manifest.digest)
      return manifest.digest
    },
    setTag(repository, tag, digest) { store.repository(repository).tags.set(tag, digest) },
    deleteTag: (repository, tag) => store.repositories.get(repository)?.tags.delete(tag) === true,
    deleteBlob: (repository, digest) => store.deleteBlob(repository, digest),
    deleteManifest: (repository, digest) => store.repositories.get(repository)?.manifests.delete(digest) === true,
    corruptBlob(digest) { store.corruptBlob(digest) },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}

function serverOf({ tls }: EmbeddedRegistryOptions, listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
  if (!tls) return createServer(listener)
  const client = tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }
  return createTlsServer({ key: tls.key, cert: tls.cert, ...client }, listener)
}

async function serve(
  state: RegistryState, faults: FaultScript, hooks: ReadonlySet<RequestHook>, requests: LoggedRequest[],
  request: IncomingMessage, response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://registry')
  const method = request.method ?? 'GET'
  const log: LoggedRequest = {
    method, path: request.url ?? '/', ...routeOf(method, url),
    authorization: request.headers.authorization !== undefined, accept: request.headers.accept, atMs: Date.now(),
    status: 0, bytesIn: 0, bytesOut: 0,
  }
  requests.push(log)
  // A cut connection shows itself here too; whoever reads the body or writes the answer sees it as Gone.
  request.on('error', () => {})
  response.on('error', () => {})
  const exchange: Exchange = { request, response, url, log, fault: undefined }
  try {
    if (log.kind !== 'token') authorize(state, exchange)
    exchange.fault = faults.take(log)
    for (const hook of hooks) await hook(log)
    if (!await failed(state, exchange)) await handle(state, exchange)
    request.resume()
  } catch (error) {
    if (error instanceof Gone) return
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'UNKNOWN', String(error))
    // An error is an answer in its own right: a fault that alters content has none to alter here.
    exchange.fault = undefined
    await answerRefusal(exchange, refusal).catch(() => { response.destroy() })
    request.resume()
  }
}

/** Whether the fault takes the place of the answer. */
async function failed(state: RegistryState, exchange: Exchange): Promise<boolean> {
  const { fault, request } = exchange
  if (fault?.kind === 'drop') {
    request.socket.destroy()
    return true
  }
  if (fault?.kind === 'status') {
    exchange.fault = undefined
    const headers = { 'content-type': 'application/json', ...fault.headers }
    const body = fault.body ?? JSON.stringify({ errors: [{ code: fault.status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN', message: 'as scripted' }] })
    await answer(exchange, fault.status, headers, [Buffer.from(body)])
    return true
  }
  if (fault?.kind === 'html') {
    await answer(exchange, 200, { 'content-type': 'text/html' }, [Buffer.from('<!doctype html><title>Sign in</title><p>Welcome to the network.')])
    return true
  }
  if (fault?.kind === 'expire-tokens') {
    state.tokens.expireAll()
    authorize(state, exchange)
  }
  return false
}

async function handle(state: RegistryState, exchange: Exchange): Promise<void> {
  const { kind, repository = '', reference = '' } = exchange.log
  if (exchange.log.repository !== undefined && !isRepositoryName(repository)) {
    throw new Refusal(400, 'NAME_INVALID', 'invalid repository name', { name: repository })
  }
  switch (kind) {
    case 'ping': return answerJson(exchange, 200, {})
    case 'token': return answerToken(state, exchange)
    case 'catalog': return answerCatalog(state, exchange)
    case 'tags': return answerTags(state, exchange, repository)
    case 'referrers': return answerReferrers(state, exchange, repository, reference)
    case 'blob-get': case 'blob-head': case 'blob-delete': return answerBlob(state, exchange, repository, reference)
    case 'upload-start': case 'upload-monolithic': case 'mount': return startUpload(state, exchange, repository)
    case 'upload-status': case 'upload-patch': case 'upload-put': case 'upload-cancel': return answerUpload(state, exchange, repository, reference)
    case 'manifest-get': case 'manifest-head': case 'manifest-put': case 'manifest-delete': return answerManifest(state, exchange, repository, reference)
    case 'unknown': throw new Refusal(exchange.log.repository === undefined ? 404 : 405, 'UNSUPPORTED', 'no such endpoint')
  }
}
