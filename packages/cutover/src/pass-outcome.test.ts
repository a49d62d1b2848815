import { type RepositoryName, type Tag, toRecord } from '@longshore/oci'
import type { Tally } from '@longshore/report'
import { type Migration, parseSpecs } from '@longshore/spec'
import { ImageNotFoundError } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { passOutcome } from './pass-outcome.ts'

const spec = async (images: object): Promise<Migration> => (await parseSpecs([{ name: 'rules.yaml', content: JSON.stringify({ version: 1, from: 'old:5000', to: 'new:5000', images: [images] }) }], {})).migration
const gone = (repository: string, reference: string): Tally['failures'][number] => {
  const at = { repository: repository as RepositoryName, reference: reference as Tag }
  const image = { source: { registry: 'old:5000', ...at }, destination: { registry: 'new:5000', ...at } }
  return { outcome: 'failed', image, error: toRecord(new ImageNotFoundError(`old:5000/${repository}:${reference}`, 'source')), hint: 'none' }
}
const tally = (...failures: Tally['failures']): Parameters<typeof passOutcome>[0] => ({
  found: 10, copied: 7, present: 1, failures, unlisted: [], blobs: { pushed: 0, pushedBytes: 0, mounted: 0, mountedBytes: 0, existed: 0, existedBytes: 0 },
})

test.each<[string, object, object]>([
  ['a rule chose', { repositories: { include: ['team/**'] } }, { images: 8, failed: 0, gone: 2 }],
  ['a rule of the repository chose', { name: 'team/app', tags: { include: ['v*'] } }, { images: 8, failed: 0, gone: 2 }],
  ['the spec names, or one of them', { name: 'team/app', tags: ['v1', 'v3'] }, { images: 9, failed: 1, gone: 1 }],
  ['the spec names', { name: 'team/app', tags: ['v1', 'v2'] }, { images: 10, failed: 2 }],
  ['the spec names below a place', { from: 'old:5000/team', name: 'app', tags: ['v1', 'v2'] }, { images: 10, failed: 2 }],
])('tags that are gone between the list and the reading, and that %s', async (_, images, expected) => {
  const outcome = await passOutcome(tally(gone('team/app', 'v1'), gone('team/app', 'v2')), await spec(images), undefined)
  expect(outcome).toMatchObject({ copied: 7, present: 1, unlisted: 0, ...expected })
  expect('gone' in outcome).toBe('gone' in expected)
})

test('a part of an image that is not there is a failure, whoever chose it', async () => {
  const [failure] = [gone('team/app', 'v1')]
  const missing = { ...failure, error: { ...failure.error, message: 'there is no old:5000/team/app@sha256:0 at the source' } }
  expect(await passOutcome(tally(missing), await spec({ repositories: { include: ['**'] } }), undefined)).toMatchObject({ images: 10, failed: 1 })
})
