// What verify says of content that lies, with the cure that works.
import { kubesphereCorpus, seed, startEmbeddedRegistry } from '@longshore/testing'
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
