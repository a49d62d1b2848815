// The other host that blob reads are redirected to, as object stores behind registries are: the URL is signed, and a
// request that brings credentials along is refused, because S3 and others do refuse it.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type StoredBlob } from './store.ts'
import { sliceOf } from './range.ts'

export interface BlobHost extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly { readonly path: string; readonly status: number; readonly authorization: boolean }[]
  /** A signed URL from which `blob` can be read. */
  sign(blob: StoredBlob): string
}

export async function startBlobHost(): Promise<BlobHost> {
  const signed = new Map<string, StoredBlob>()
  const requests: { path: string; status: number; authorization: boolean }[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://host')
    const authorization = request.headers.authorization !== undefined
    const blob = signed.get(url.searchParams.get('signature') ?? '')
    const range = blob && sliceOf(request.headers.range, blob)
    const status = authorization ? 400 : !blob || !range ? 403 : range.kind === 'unsatisfiable' ? 416 : range.kind === 'part' ? 206 : 200
    requests.push({ path: url.pathname, status, authorization })
    if (authorization || !range || range.kind === 'unsatisfiable') {
      response.writeHead(status, { 'content-type': 'application/xml' }).end('<Error><Code>InvalidArgument</Code></Error>')
      return
    }
    response.writeHead(status, {
      'content-length': String(range.size), 'accept-ranges': 'bytes', ...(range.kind === 'part' ? { 'content-range': range.contentRange } : {}),
    })
    if (request.method !== 'HEAD') for (const chunk of range.chunks) response.write(chunk)
    response.end()
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    requests,
    sign(blob) {
      const signature = randomUUID()
      signed.set(signature, blob)
      return `${url}/bucket/data?signature=${signature}`
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}
