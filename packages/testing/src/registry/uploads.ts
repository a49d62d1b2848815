// distribution-spec v1.1.1, "Pushing blobs" (monolithic, chunked, mounting) and "Blob upload sessions".
// A session outlives its connections: what arrived before one broke stays, and its status says how much that is.
import { createHash, type Hash, randomUUID } from 'node:crypto'
import { algorithmOf, type Digest, isDigest, isRepositoryName } from '@longshore/oci'
import { digestFrom } from './blobs.ts'
import { answer, bodyOf, type Exchange, Gone, Refusal } from './exchange.ts'
import { locationOf, type RegistryState } from './registry-state.ts'
import { digestOfChunks } from './store.ts'

export interface UploadSession {
  readonly id: string
  readonly repository: string
  readonly chunks: Uint8Array[]
  readonly sha256: Hash
  size: number
  /** Each answer's Location carries a new one; a client must send a Location back as it was, query and all. */
  state: number
  /** A chunk shorter than OCI-Chunk-Min-Length has come: no other may follow. */
  isLast: boolean
  /** Who is writing now; a newcomer cuts it off, because a client that comes back has given that connection up. */
  writer: { readonly cut: () => void; readonly done: Promise<void> } | undefined
}

export type Uploads = Map<string, UploadSession>

/** `POST /v2/<name>/blobs/uploads/`, also with `?mount=` and `?digest=`. */
export async function startUpload(state: RegistryState, exchange: Exchange, repository: string): Promise<void> {
  const { searchParams } = exchange.url
  if (exchange.log.kind === 'mount' && await mount(state, exchange, repository)) return
  const session: UploadSession = {
    id: randomUUID(), repository, chunks: [], sha256: createHash('sha256'), size: 0, state: 0, isLast: false, writer: undefined,
  }
  const digest = searchParams.get('digest')
  if (exchange.log.kind === 'upload-monolithic' && digest !== null && state.options.singlePost !== false) {
    const wanted = digestFrom(digest)
    await receive(state, exchange, session)
    await commit(state, exchange, session, wanted)
    return
  }
  for await (const _ of bodyOf(exchange, Infinity)) { /* a body that the specification does not know is read and dropped */ }
  state.uploads.set(session.id, session)
  await answerSession(state, exchange, session, 202)
}

/** "Mounting a blob from another repository". False: go on and open a session, as the specification wants. */
async function mount(state: RegistryState, exchange: Exchange, repository: string): Promise<boolean> {
  const { searchParams } = exchange.url
  const digest = digestFrom(searchParams.get('mount') ?? '')
  const from = searchParams.get('from')
  if (from !== null && !isRepositoryName(from)) throw new Refusal(400, 'NAME_INVALID', 'not a repository name', { name: from })
  if (exchange.fault?.kind === 'refuse-mount') {
    switch (exchange.fault.status) {
      case 202: return false
      case 401: throw new Refusal(401, 'UNAUTHORIZED', 'no access to the repository to mount from')
      case 403: throw new Refusal(403, 'DENIED', 'mounting is denied')
      case 404: throw new Refusal(404, 'NAME_UNKNOWN', 'the repository to mount from is unknown')
      case 405: throw new Refusal(405, 'UNSUPPORTED', 'mounting is not supported')
    }
  }
  if (state.options.mounts === false || from === null || !state.store.blob(from, digest)) return false
  state.store.link(repository, digest)
  await answer(exchange, 201, { location: locationOf(state, `/v2/${repository}/blobs/${digest}`), 'docker-content-digest': digest })
  return true
}

export async function answerUpload(state: RegistryState, exchange: Exchange, repository: string, id: string): Promise<void> {
  if (exchange.fault?.kind === 'forget-upload') state.uploads.delete(id)
  const session = state.uploads.get(id)
  const stateText = exchange.url.searchParams.get('_state') ?? ''
  if (!session || session.repository !== repository || !/^\d+$/.test(stateText) || Number(stateText) > session.state) {
    throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry', { id })
  }
  session.writer?.cut()
  await session.writer?.done
  const { kind } = exchange.log
  if (kind === 'upload-status') {
    await answerSession(state, exchange, session, 204)
  } else if (kind === 'upload-cancel') {
    state.uploads.delete(id)
    await answer(exchange, 204, {})
  } else if (kind === 'upload-patch') {
    checkRange(state, exchange, session)
    await receive(state, exchange, session)
    await answerSession(state, exchange, session, 202)
  } else {
    const digest = exchange.url.searchParams.get('digest')
    if (digest === null || !isDigest(digest)) throw new Refusal(400, 'DIGEST_INVALID', 'the digest is missing or not one')
    checkRange(state, exchange, session)
    await receive(state, exchange, session)
    await commit(state, exchange, session, digest)
  }
}

/** Appends the body. What arrived before a break is kept, unless the options say otherwise. */
async function receive(state: RegistryState, exchange: Exchange, session: UploadSession): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>()
  session.writer = { cut: () => { exchange.request.socket.destroy() }, done }
  try {
    for await (const chunk of bodyOf(exchange, state.options.maxBody ?? Infinity)) {
      session.chunks.push(chunk)
      session.size += chunk.byteLength
      session.sha256.update(chunk)
    }
  } catch (error) {
    if (error instanceof Gone && state.options.resumableUploads === false) state.uploads.delete(session.id)
    throw error
  } finally {
    session.writer = undefined
    resolve()
  }
}

async function commit(state: RegistryState, exchange: Exchange, session: UploadSession, digest: Digest): Promise<void> {
  state.uploads.delete(session.id)
  const actual = algorithmOf(digest) === 'sha256' ? `sha256:${session.sha256.digest('hex')}` : digestOfChunks(session.chunks, digest)
  if (actual !== digest) throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', { digest, actual })
  state.store.putBlob(session.repository, digest, { size: session.size, chunks: session.chunks })
  const location = locationOf(state, `/v2/${session.repository}/blobs/${digest}`)
  await answer(exchange, 201, { location, 'docker-content-digest': digest })
}

/** "Pushing a blob in chunks": chunks come in order, `Content-Range: <start>-<end>`, both inclusive. */
function checkRange(state: RegistryState, exchange: Exchange, session: UploadSession): void {
  const header = exchange.request.headers['content-range']
  const least = state.options.chunkMinLength
  if (session.isLast && exchange.log.kind === 'upload-patch') {
    throw new Refusal(400, 'SIZE_INVALID', `a chunk before this one was shorter than ${least ?? 0} bytes`)
  }
  if (header === undefined) return
  const [, start, end] = /^(\d+)-(\d+)$/.exec(header) ?? []
  const length = exchange.request.headers['content-length']
  const isInOrder = start !== undefined && Number(start) === session.size
  if (!isInOrder || (length !== undefined && Number(end) - Number(start) + 1 !== Number(length))) {
    throw new Refusal(416, 'BLOB_UPLOAD_INVALID', 'the chunk is out of order or not as long as it says', undefined, sessionHeaders(state, session))
  }
  if (least !== undefined && length !== undefined && Number(length) < least) session.isLast = true
}

async function answerSession(state: RegistryState, exchange: Exchange, session: UploadSession, status: number): Promise<void> {
  await answer(exchange, status, sessionHeaders(state, session))
}

/** `Range: 0-0` stands for nothing as well as for one byte: the specification has no other way to say nothing. */
function sessionHeaders(state: RegistryState, session: UploadSession): Readonly<Record<string, string>> {
  session.state++
  return {
    location: locationOf(state, `/v2/${session.repository}/blobs/uploads/${session.id}?_state=${session.state}`),
    range: `0-${Math.max(0, session.size - 1)}`,
    'docker-upload-uuid': session.id,
    ...(state.options.chunkMinLength === undefined ? {} : { 'oci-chunk-min-length': String(state.options.chunkMinLength) }),
  }
}
