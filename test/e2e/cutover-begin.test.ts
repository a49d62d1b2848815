// A cutover that is refused is refused in the morning, whatever of it would only be needed in the night, and leaves nothing behind.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { image, seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { describe, expect, test } from 'vitest'
import { launch, longshore } from './cli-process.ts'
import { insecure, placeWith, until } from './cutover.fixture.ts'

const nowhere = '127.0.0.1:9'
const rules = (cutover: string, from = nowhere, to = '127.0.0.1:8/mirror', images = '  - team/app:1\n'): string => `version: 1\nfrom: ${from}\nto: ${to}\nimages:\n${images}${cutover === '' ? '' : `cutover:\n${cutover}`}`

describe('it is refused, and nothing is left behind, for', () => {
  test.each<[what: string, spec: string, args: readonly string[], says: RegExp]>([
    ['a freeze hook that is not there', rules('  freeze: { hook: { command: [./freeze.sh] } }\n'), [], /rules\.yaml:7:3: cutover\.freeze\.hook: "\.\/freeze\.sh" is not there; its path is taken from the folder .*: put it there/],
    ['a thaw hook that may not be run', rules('  freeze: { thaw: { command: [./thaw.sh] } }\n'), [], /cutover\.freeze\.thaw: "\.\/thaw\.sh" may not be run by this user \(EACCES\); make it executable/],
    ['a variable of a hook that is not set', rules('  freeze: { hook: { http: { url: "https://h.example.com/", headers: { authorization: "Bearer ${FREEZE_TOKEN}" } } } }\n'), [], /cutover\.freeze\.hook: the header authorization needs FREEZE_TOKEN, which is not set/],
    ['a key that is none', rules('  criteria: { signatures: { keys: [cosign.pub] } }\n'), [], /the key cosign\.pub of cutover\.criteria\.signatures is no key that signatures are verified with/],
    ['images onto themselves', rules('', nowhere, nowhere), [], /127\.0\.0\.1:9\/team\/app:1 .*would be copied onto itself/],
    ['two images for one place', rules('', nowhere, '127.0.0.1:8', '  - { name: a, tags: ["1"], as: x }\n  - { name: b, tags: ["1"], as: x }\n'), [], /127\.0\.0\.1:8\/x:1: both/],
    ['an address that is none', rules('  delta: { events: true }\n'), ['--listen', 'here'], /--listen: "here" is no address/],
    ['--listen without events', rules(''), ['--listen', '127.0.0.1:0'], /--listen: the spec does not go by events/],
    ['--prune of a storage tree', rules('', nowhere, 'registry-storage:tree'), ['--prune'], /registry-storage:.*: only tags of registries are pruned/],
    ['--prune at a coordinator', rules(''), ['--prune', '--server', 'http://127.0.0.1:1'], /--prune is done by this process, and with --server a coordinator does the rest: run longshore prune with the same spec after the go/],
  ])('%s', async (_, spec, args, says) => {
    await using place = await placeWith(spec)
    await writeFile(join(place.folder, 'thaw.sh'), '#!/bin/sh\n', { mode: 0o644 })
    await writeFile(join(place.folder, 'cosign.pub'), '-----BEGIN PUBLIC KEY-----\nbm8ga2V5\n-----END PUBLIC KEY-----\n')
    const before = await readdir(place.folder)
    expect(await longshore(['cutover', 'rules.yaml', ...args, ...insecure], { cwd: place.folder, env: { LONGSHORE_NOTIFICATION_SECRET: 'a secret' } })).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(says) })
    expect(await readdir(place.folder)).toEqual(before)
  })
})

test('over Redis as well, and there is no cutover there', { timeout: 60_000 }, async () => {
  await using redis = await startRedis()
  for (const [spec, says] of [[rules('  freeze: { hook: { command: [./freeze.sh] } }\n'), 'cutover.freeze.hook: "./freeze.sh" is not there'], [rules('', nowhere, nowhere), 'would be copied onto itself']] as const) {
    await using place = await placeWith(spec)
    expect(await longshore(['cutover', 'rules.yaml', '--redis', redis.url, ...insecure], { cwd: place.folder })).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
  }
  expect(await longshore(['cutover', 'status', '--redis', redis.url])).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no cutover in this Redis') })
})

test('of several that begin in one empty folder at once, one does; the others say who', { timeout: 60_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, [{ repository: 'team/app', tag: '1', content: image({ seed: 'app', layers: [1_000] }) }])
  await using place = await placeWith(rules('  delta: { every: 1h }\n', source.host, destination.host))
  const all = Array.from({ length: 3 }, () => launch(['cutover', 'rules.yaml', ...insecure], { cwd: place.folder }))
  const refused: string[] = []
  const ended = Promise.all(all.map(async ({ finished }) => {
    const { code, stderr } = await finished
    if (code === 2) refused.push(stderr)
  }))
  await until('two refusals', () => refused.length === 2)
  const { holder, id } = JSON.parse((await longshore(['cutover', 'status', 'rules.yaml', '--json'], { cwd: place.folder })).stdout) as { readonly holder: string; readonly id: string }
  const winner = all.find(({ pid }) => holder.includes(String(pid)))
  for (const text of refused) expect(text).toMatch(new RegExp(`cutover (?:${id}|in rules\\.yaml\\.cutover) is under way already, in ${holder}`))
  expect((await readdir(join(place.folder, 'rules.yaml.cutover'))).filter((name) => /^\d/.test(name))).toEqual([id])
  await winner?.saw(/waiting until/)
  winner?.kill('SIGINT')
  await ended
})
