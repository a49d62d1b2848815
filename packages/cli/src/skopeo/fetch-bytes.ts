import { SkopeoError } from './skopeo-error.ts'

/** Signatures beside a registry, over HTTP: small files. `undefined` where there is none. @throws SkopeoError */
export async function fetchBytes(url: URL, limit: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const answer = await fetch(url, { signal })
  if (answer.status === 404) return undefined
  if (!answer.ok || !answer.body) throw new SkopeoError(`reading signature from ${url.origin}${url.pathname}: status ${answer.status}`)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer.body) {
    length += chunk.byteLength
    if (length > limit) throw new SkopeoError(`reading signature from ${url.origin}${url.pathname}: it is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
