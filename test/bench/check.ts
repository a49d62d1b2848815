import { type Answer, Pool } from './bare-client.ts'
import type { Corpus } from './corpora.ts'

/** The references that the destination does not have with the digest of the source. */
export async function wrongReferences(corpus: Corpus, destination: string): Promise<readonly string[]> {
  const pool = new Pool(destination, 16)
  const wrong: string[] = []
  await Promise.all(Object.entries(corpus.repositories).flatMap(([repository, tags]) => Object.entries(tags).map(async ([tag, digest]) => {
    const { mediaType = '' } = corpus.manifests[digest] ?? {}
    const { head } = await pool.ask('HEAD', `/v2/${repository}/manifests/${tag}`, `Accept: ${mediaType}\r\n`)
    if (/\r\nDocker-Content-Digest: (\S+)/i.exec(head)?.[1] !== digest) wrong.push(`${repository}:${tag}`)
  })))
  pool.close()
  return wrong
}

/** The manifests and blobs below the tags that the destination does not have in their repository, or not with their size. */
export async function missingContent(corpus: Corpus, destination: string): Promise<readonly string[]> {
  const pool = new Pool(destination, 16)
  const missing: string[] = []
  const seen = new Set<string>()
  const sizeOf = ({ status, head }: Answer): number => (status === 200 ? Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1]) : -1)
  const look = async (path: string, size: number, header = ''): Promise<void> => {
    if (seen.has(path)) return
    seen.add(path)
    if (sizeOf(await pool.ask('HEAD', `/v2/${path}`, header)) !== size) missing.push(path)
  }
  const below = async (repository: string, digest: string): Promise<void> => {
    const { mediaType = '', size = 0, blobs = [], children = [] } = corpus.manifests[digest] ?? {}
    await look(`${repository}/manifests/${digest}`, size, `Accept: ${mediaType}\r\n`)
    await Promise.all([...blobs.map((blob) => look(`${repository}/blobs/${blob}`, corpus.blobs[blob] ?? 0)), ...children.map((child) => below(repository, child))])
  }
  await Promise.all(Object.entries(corpus.repositories).flatMap(([repository, tags]) => Object.values(tags).map((digest) => below(repository, digest))))
  pool.close()
  return missing
}
