import { Pool } from './bare-client.ts'
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
