// A pass of named changes by the pool: the coordinator that leads it lists no tags, and neither does the worker.
import { parseSpec } from '@longshore/spec'
import { seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { isGone } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { DeltaCorpus } from '../bench/delta-corpus.ts'
import { openStore, startServices, until } from '../faults/pool.fixture.ts'

test('only what is named is asked for, and what is gone is told as such', async () => {
  await using redis = await startRedis()
  await using source = await startEmbeddedRegistry({ referrersApi: false, singlePost: false })
  await using destination = await startEmbeddedRegistry({ referrersApi: false, singlePost: false })
  const corpus = new DeltaCorpus({ repositories: 4, tags: 40 })
  await seed(source.url, corpus.all)
  const { migration } = await parseSpec({
    name: 'delta.yaml', content: `version: 1\nfrom: ${source.host}\nto: ${destination.host}\nimages:\n${corpus.repositories.map((name) => `  - { name: ${name}, tags: { include: ["1.*"] } }\n`).join('')}`,
  }, {})
  await using services = startServices(redis.url)
  services.start('coordinator')
  services.start('worker')
  await using opened = await openStore(redis.url)
  const { store } = opened
  const changes = [
    ...corpus.changed(4, 'first').map(({ repository, tag, content }) => ({ registry: source.host, repository, tag: tag!, digest: content.root.digest, action: 'push' as const })),
    { registry: source.host, repository: corpus.repositories[0]!, tag: '1.gone', action: 'push' as const },
    { registry: source.host, repository: corpus.repositories[0]!, tag: 'main', action: 'push' as const },
    { registry: source.host, repository: 'not/ours', tag: '1.0', action: 'push' as const },
  ]
  await seed(source.url, corpus.changed(4, 'first'))
  source.clearRequests()
  const { record } = await store.submit(migration, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 64, changes, asks: 'named' })
  await until('the pass is complete', async () => (await store.head(record.id))?.state === 'complete', 60_000)
  const tally = await store.tally(record.id)
  expect(tally).toMatchObject({ found: 5, copied: 4, failed: 1 })
  expect(tally.failures.map(({ image, error }) => [image.source.reference, isGone(image, error)])).toEqual([['1.gone', true]])
  expect(tally.dropped.map(({ tag, rule }) => [tag, rule])).toEqual([['main', 'include']])
  expect([source.count({ kind: 'tags' }), destination.count({ kind: 'tags' })]).toEqual([0, 0])
  for (const { repository, tag, content } of corpus.changed(4, 'first')) expect(destination.tag(repository, tag!)).toBe(content.root.digest)
}, 120_000)
