// Requests are the cost of everything small. The floor is what no correct copy can leave out: the tag lists of both sides, each
// manifest read once and put once, each distinct blob read once and uploaded once, a mount for each further repository.
import { decodeManifest, successors } from '@longshore/oci'
import { parseSpec } from '@longshore/spec'
import { type Corpus, kubesphereCorpus, seed, startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { DeltaCorpus } from '../bench/delta-corpus.ts'
import { runPass } from '../bench/delta-pass.ts'
import { longshore } from './cli-process.ts'

interface Floor { readonly source: number; readonly destination: number }

function floorOf(corpus: Corpus): Floor {
  const repositories = new Set<string>()
  const blobs = new Set<string>()
  const placements = new Set<string>()
  const puts = new Set<string>()
  for (const { repository, tag, content } of corpus) {
    repositories.add(repository)
    for (const { digest, bytes, mediaType } of content.manifests) {
      puts.add(`${repository} ${tag !== undefined && digest === content.root.digest ? tag : digest}`)
      for (const blob of successors(decodeManifest(bytes, mediaType, digest)).blobs) {
        blobs.add(blob.digest)
        placements.add(`${repository} ${blob.digest}`)
      }
    }
  }
  const lists = repositories.size
  return { source: lists + puts.size + blobs.size, destination: lists + 2 * blobs.size + (placements.size - blobs.size) + puts.size }
}

test.each([
  ['many repositories', kubesphereCorpus(11, { scale: 0.02 }), {}],
  ['under a cap', kubesphereCorpus(12, { scale: 0.02 }).slice(0, 60), { concurrency: 4 }],
])('%s: no more than a tenth above the floor at each side', async (_, corpus, { concurrency }: { concurrency?: number }) => {
  // As docker-registry 2.8 answers: no referrers API, no upload by a single POST.
  await using source = await startEmbeddedRegistry({ referrersApi: false, singlePost: false })
  await using destination = await startEmbeddedRegistry({ referrersApi: false, singlePost: false })
  await seed(source.url, corpus)
  source.clearRequests()
  const list = corpus.flatMap(({ repository, tag }) => (tag === undefined || tag.startsWith('sha256-') ? [] : [`${repository}:${tag}`])).join('\n')
  const { code, stdout } = await longshore([
    'migrate', '-', '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false',
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
  ], { stdin: list })
  expect(stdout).toContain(' 0 failed')
  expect(code).toBe(0)
  const floor = floorOf(corpus)
  expect(source.requests.length).toBeLessThanOrEqual(floor.source * 1.1)
  expect(destination.requests.length).toBeLessThanOrEqual(floor.destination * 1.1)
  // And the bytes of each blob were asked for once (P4).
  const read = source.requests.filter(({ kind }) => kind === 'blob-get').map(({ reference }) => reference)
  expect(read.length).toBe(new Set(read).size)
})

/** The bounds that the bench shows on 2,000 tags, per tag: a full delta may ask 1.05 times as often as there are tags, one by events 6 times per change. */
test.each([[false], [true]])('a delta pass costs what changed (referrers API: %s)', async (referrersApi) => {
  await using source = await startEmbeddedRegistry({ referrersApi, singlePost: false })
  await using destination = await startEmbeddedRegistry({ referrersApi, singlePost: false })
  const [tags, changed] = [400, 2]
  const corpus = new DeltaCorpus({ repositories: 8, tags })
  await seed(source.url, corpus.all)
  const { migration } = await parseSpec({
    name: 'delta.yaml', content: `version: 1\nfrom: ${source.host}\nto: ${destination.host}\nimages:\n${corpus.repositories.map((name) => `  - { name: ${name}, tags: {} }\n`).join('')}`,
  }, {})
  const { tally: bulk } = await runPass(migration, { asks: 'all' })
  expect(bulk).toMatchObject({ copied: tags, failed: 0 })

  const push = async (round: string) => {
    const pushed = corpus.changed(changed, round)
    await seed(source.url, pushed)
    source.clearRequests()
    return pushed.map(({ repository, tag, content }) => ({ registry: source.host, repository, tag: tag!, digest: content.root.digest, action: 'push' as const }))
  }
  await push('second')
  const { tally: full } = await runPass(migration, { asks: 'changed' })
  expect(full).toMatchObject({ copied: changed, present: tags - changed / 2, failed: 0 })
  expect(source.requests.length).toBeLessThanOrEqual(tags * 1.05)
  expect(source.count({ kind: 'tags' })).toBe(8)

  const changes = await push('third')
  const { tally: named } = await runPass(migration, { asks: 'named', changes })
  expect(named).toMatchObject({ found: changed, copied: changed, failed: 0 })
  expect(source.requests.length).toBeLessThanOrEqual(changed * 6)
  expect(source.count({ kind: 'tags' })).toBe(0)
  for (const { repository, tag, digest } of changes) expect(destination.tag(repository, tag)).toBe(digest)
})
