// Fills a registry with a corpus over HTTP: each distinct blob is uploaded once and mounted everywhere else.
import type { Digest } from '@longshore/oci'
import type { SyntheticBlob } from './content/blob.ts'
import type { Corpus } from './content/corpus.ts'
import { type PlainAnswer, PlainClient, type PlainClientOptions } from './http.ts'

export interface SeedOptions extends PlainClientOptions {
  /** Entries at once. Default 16. */
  readonly concurrency?: number
}

/** @throws Error naming the request that was refused */
export async function seed(registryUrl: string, corpus: Corpus, { concurrency = 16, ...options }: SeedOptions = {}): Promise<void> {
  using client = new PlainClient(registryUrl, { connections: concurrency, ...options })
  const leaders = new Map<Digest, { readonly repository: string; readonly uploaded: Promise<void> }>()
  const placements = new Map<string, Promise<void>>()
  const manifests = new Map<string, Promise<void>>()

  const place = async (repository: string, blob: SyntheticBlob): Promise<void> => once(placements, `${repository}@${blob.digest}`, async () => {
    const leader = leaders.get(blob.digest)
    if (leader) {
      await leader.uploaded
      const answer = await client.send('POST', `/v2/${repository}/blobs/uploads/?mount=${blob.digest}&from=${leader.repository}`)
      if (answer.status !== 201) await finish(repository, blob, answer)
      return
    }
    const uploaded = client.send('POST', `/v2/${repository}/blobs/uploads/`).then(async (answer) => finish(repository, blob, answer))
    leaders.set(blob.digest, { repository, uploaded })
    await uploaded
  })
  const finish = async (repository: string, blob: SyntheticBlob, session: PlainAnswer): Promise<void> => {
    const location = expect(session, 202, `POST ${repository}/blobs/uploads/`).headers.location ?? ''
    const target = `${location}${location.includes('?') ? '&' : '?'}digest=${blob.digest}`
    const headers = { 'content-type': 'application/octet-stream' }
    expect(await client.send('PUT', target, { headers, body: { size: blob.size, chunks: blob.chunks() } }), 201, `PUT ${repository}@${blob.digest}`)
  }

  const todo = corpus.values()
  const work = async (): Promise<void> => {
    for (const { repository, tag, content } of todo) {
      // One after the other within an entry: its blobs are few, and the entries run beside each other.
      for (const blob of content.blobs.values()) await place(repository, blob)
      for (const manifest of content.manifests) {
        const reference = manifest === content.root && tag !== undefined ? tag : manifest.digest
        await once(manifests, `${repository}:${reference}`, async () => {
          const headers = { 'content-type': manifest.mediaType }
          expect(await client.send('PUT', `/v2/${repository}/manifests/${reference}`, { headers, body: manifest.bytes }), 201, `PUT ${repository}:${reference}`)
        })
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

async function once(done: Map<string, Promise<void>>, key: string, act: () => Promise<void>): Promise<void> {
  let promise = done.get(key)
  if (!promise) done.set(key, promise = act())
  await promise
}

function expect(answer: PlainAnswer, status: number, what: string): PlainAnswer {
  if (answer.status === status) return answer
  throw new Error(`seeding: ${what} was answered ${answer.status}: ${answer.body.toString().slice(0, 300)}`)
}
