// What verify says of content that lies, with the cure that works.
import { image, kubesphereCorpus, seed, startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

test('a corrupt blob is told once, with the images that need it and its cure', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const [entry] = kubesphereCorpus(6, { scale: 0.02 }).filter(({ repository, tag }) => /coredns/.test(repository) && tag?.startsWith('sha256-') === false)
  if (!entry) throw new Error('the corpus has no coredns')
  await seed(source.url, [entry])
  source.setTag(entry.repository, 'again', source.tag(entry.repository, entry.tag!)!)
  const flags = ['--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false']
  const list = { stdin: `${entry.repository}:${entry.tag}\n${entry.repository}:again\n` }
  expect((await longshore(['migrate', '-', ...flags], list)).code).toBe(0)
  const [blob] = [...entry.content.blobs.keys()]
  destination.corruptBlob(blob!)

  const { code, stdout } = await longshore(['verify', '-', ...flags, '--deep'], list)
  expect(code).toBe(1)
  const end = `${destination.host}/${entry.repository}`
  expect(stdout.match(new RegExp(blob!, 'g'))).toHaveLength(1)
  expect(stdout).toMatch(/^corrupt at the destination:\n {2}blob sha256:\w+ \(needed by \S+, \S+\): its bytes hash to sha256:\w{64}\n {2}-> registries do not replace/)
  expect(stdout).toMatch(new RegExp(`skopeo delete docker://${end}:(?:again|${entry.tag})\\)`))
})

test('a share of the content is read, and the same share again when its salt is given; a bare --deep swallows no file', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const corpus = kubesphereCorpus(7, { scale: 0.03 })
  await seed(source.url, corpus)
  const list = { stdin: corpus.flatMap(({ repository, tag }) => (tag === undefined || tag.startsWith('sha256-') ? [] : [`${repository}:${tag}\n`])).join('') }
  const flags = ['--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false']
  expect((await longshore(['migrate', '-', ...flags], list)).code).toBe(0)

  const { code, stdout } = await longshore(['verify', ...flags, '--deep=20%', '-'], list)
  expect(code, stdout).toBe(0)
  const [, read, all, salt] = /(\d+) of (\d+) distinct blobs \([\d.]+ %\), .* read and hashed; --deep=20%:(\w+) reads the same ones/.exec(stdout) ?? []
  expect(Number(read)).toBeGreaterThan(0)
  expect(Number(read)).toBeLessThan(Number(all))
  const readings = async (...more: readonly string[]): Promise<readonly string[]> => {
    destination.clearRequests()
    await longshore(['verify', ...flags, ...more, '-'], list)
    return destination.requests.filter(({ kind }) => kind === 'blob-get').map(({ reference = '' }) => reference).toSorted()
  }
  const same = await readings(`--deep=20%:${salt}`)
  expect(same).toHaveLength(Number(read))
  expect(await readings(`--deep=20%:${salt}`)).toEqual(same)
  expect(await readings('--deep')).toHaveLength(Number(all))

  const refused = await longshore(['verify', ...flags, '--deep=0%', '-'], list)
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('more than 0% and at most 100%')])
}, 60_000)

test('repositories of a catalog that have no list of tags are told by migrate, plan and verify, and are no failure', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const corpus = ['app', 'empty'].map((repository) => ({ repository, tag: '1', content: image({ seed: repository, layers: [100] }) }))
  await seed(source.url, corpus)
  source.fail({ match: { kind: 'tags', repository: 'empty' }, times: Infinity, how: { kind: 'status', status: 404 } })
  const spec = { stdin: `version: 1\nfrom: ${source.host}\nto: ${destination.host}\nimages:\n  - repositories: {}\n` }
  const flags = ['--src-tls-verify=false', '--dest-tls-verify=false', '-']
  const told = `nothing is moved of 1 repository in the catalog of ${source.host} without a list of tags (404): empty; it is empty, or these credentials may not see it`
  const planned = await longshore(['plan', ...flags], spec)
  expect([planned.code, planned.stdout]).toEqual([0, expect.stringContaining(told)])
  const moved = await longshore(['migrate', '--quiet', ...flags], spec)
  expect([moved.code, moved.stderr]).toEqual([0, `warning: ${told}\n`])
  const verified = await longshore(['verify', '--json', ...flags], spec)
  expect([verified.code, verified.stderr, JSON.parse(verified.stdout)]).toEqual([0, `warning: ${told}\n`, expect.objectContaining({ images: 1, sound: 1, untagged: [expect.objectContaining({ registry: source.host, count: 1, repositories: ['empty'] })] })])
})
