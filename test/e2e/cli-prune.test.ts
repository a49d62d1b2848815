import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { image, PlainClient, seed, startDockerRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

test('prune says what would go, refuses above the ceiling, deletes when told to, and keeps a backup', async () => {
  await using source = await startDockerRegistry()
  await using destination = await startDockerRegistry()
  const folder = await mkdtemp(join(tmpdir(), 'longshore-prune-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rm(folder, { recursive: true, force: true }))
  const spec = join(folder, 'rules.yaml')
  await writeFile(spec, 'version: 1\nimages:\n  - name: team/app\n')
  const flags = [spec, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false']
  await seed(source.url, ['1', '2', '3', 'old'].map((tag) => ({ repository: 'team/app', tag, content: image({ seed: tag, layers: [100] }) })))
  expect((await longshore(['migrate', ...flags])).code).toBe(0)
  const digest = image({ seed: 'old', layers: [100] }).root.digest
  using client = new PlainClient(source.url)
  expect((await client.send('DELETE', `/v2/team/app/manifests/${digest}`)).status).toBe(202)

  const named = `would be deleted:\n  ${destination.host}/team/app:old  ${digest}\n  -> the same command with --apply deletes`
  const above = await longshore(['prune', ...flags])
  expect(above.code, above.stderr).toBe(0)
  expect(above.stdout).toContain(`${named} nothing: 1 of 4 tags at ${destination.host} (25.0 %) are not at the source`)
  const dry = await longshore(['prune', ...flags, '--ceiling', '25%'])
  expect(dry.code, dry.stderr).toBe(0)
  expect(dry.stdout).toContain(`${named} them\n`)
  expect(dry.stdout).toMatch(/^compared +1 repository with 4 tags, of which 1 \(25\.0 %\) is not at the source$/m)

  const refused = await longshore(['prune', ...flags, '--apply'])
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  expect(refused.stderr).toMatch(/1 of 4 tags at \S+ \(25\.0 %\) are not at the source, and at most 10 % may be deleted/)

  const applied = await longshore(['prune', ...flags, '--apply', '--ceiling', '25%', '--backup-tag', 'pruned-{date}-{tag}', '--json'])
  expect(applied.code, applied.stderr).toBe(0)
  const result = JSON.parse(applied.stdout) as { orphans: ReadonlyArray<{ backup: string }> }
  expect(result).toMatchObject({ applied: true, repositories: 1, tags: 4, untold: [], orphans: [{ destination: `${destination.host}/team/app:old`, digest, state: 'deleted' }] })
  expect(result.orphans[0]!.backup).toMatch(/^pruned-\d{4}-\d\d-\d\d-old$/)
  using at = new PlainClient(destination.url)
  const tags = JSON.parse((await at.send('GET', '/v2/team/app/tags/list')).body.toString()) as { tags: string[] }
  expect(tags.tags.toSorted()).toEqual(['1', '2', '3', result.orphans[0]!.backup])
  expect((await longshore(['verify', ...flags, '--extra', 'ignore'])).code).toBe(0)
}, 60_000)

test.each([
  [['--ceiling', 'ten'], 'from 0% to 100%'],
  [['--backup-tag', 'old'], 'has {tag} in it'],
  [['--backup-tag', '{tag}'], 'has more in it than {tag}'],
  [['--backup-tag', 'x-{tag}-{time}'], '{time} stands for nothing'],
  [['--backup-tag', 'no spaces {tag}'], 'makes no valid tags'],
])('%j is refused before anything is asked', async (flags, why) => {
  const { code, stderr } = await longshore(['prune', '-', '--to', '127.0.0.1:1', ...flags], { stdin: 'app:1\n' })
  expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
})
