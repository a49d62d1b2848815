// What a registry holds of a specimen, read by a client of its own and by skopeo, and compared with what was written.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Digest, referrersTag } from '@longshore/oci'
import { type CorpusEntry, type PlainClient, type SyntheticManifest, walkImage } from '@longshore/testing'
import type { Specimen } from '../fixtures/torture.ts'

/** What makes a registry answer with the bytes that it has, whatever they are. */
const accept = ['oci.image.manifest.v1+json', 'oci.image.index.v1+json', 'oci.artifact.manifest.v1+json', 'docker.distribution.manifest.v2+json', 'docker.distribution.manifest.list.v2+json', 'docker.distribution.manifest.v1+json', 'docker.distribution.manifest.v1+prettyjws']
  .map((type) => `application/vnd.${type}`).join(', ')

/** A tag of the set that is a list of referrers. */
export function isFallbackTag({ kind, corpus }: Specimen, { tag }: CorpusEntry): boolean {
  return kind.name.startsWith('fallback-tag') && tag !== undefined && corpus.some(({ content }) => tag === referrersTag(content.root.digest))
}

/** Sentences about what is not as it was written; none when all is well. @param known what was found whole before */
export async function differences(client: PlainClient, { repository, tag, content }: CorpusEntry, known: Set<string>): Promise<readonly string[]> {
  const problems: string[] = []
  const look = async (reference: string, manifest: SyntheticManifest): Promise<void> => {
    const answer = await client.send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept } })
    const what = `${repository} ${reference}`
    if (answer.status !== 200) problems.push(`${what}: answered ${answer.status}`)
    else if (!answer.body.equals(manifest.bytes)) problems.push(`${what}: other bytes`)
    else if (answer.headers['content-type'] !== manifest.mediaType) problems.push(`${what}: is served as ${answer.headers['content-type']}, not ${manifest.mediaType}`)
  }
  if (tag !== undefined) await look(tag, content.root)
  await Promise.all(content.manifests.map((manifest) => look(manifest.digest, manifest)))
  if (problems.length === 0) problems.push(...(await walkImage(client, repository, content.root.digest, { deep: true, known })).problems)
  return problems
}

interface Referrers { readonly manifests: ReadonlyArray<{ readonly digest: string }> }

/** Referrers by the API, in an order of their own; `undefined` where there is no such API. */
export async function referrersByApi(client: PlainClient, repository: string, subject: string): Promise<readonly unknown[] | undefined> {
  const answer = await client.send('GET', `/v2/${repository}/referrers/${subject}`)
  return answer.status === 200 ? sorted(JSON.parse(answer.body.toString()) as Referrers) : undefined
}

/** The same by the list under the fallback tag. */
export async function referrersByTag(client: PlainClient, repository: string, subject: Digest): Promise<readonly unknown[]> {
  const answer = await client.send('GET', `/v2/${repository}/manifests/${referrersTag(subject)}`, { headers: { accept } })
  return answer.status === 200 ? sorted(JSON.parse(answer.body.toString()) as Referrers) : []
}

function sorted({ manifests }: Referrers): readonly unknown[] { return manifests.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)) }

/** The bytes that skopeo prints, which puts a line end behind them. */
export async function readBySkopeo(host: string, repository: string, tag: string): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${host}/${repository}:${tag}`], { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 })
  return stdout
}
