import { CopyError, parseRepositoryName, RegistryError, toRecord } from '@longshore/oci'
import type { Image } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { type Failure, failureOf, formatGroups, groupFailures } from './failure-group.ts'

const image = (name: string, tag: string): Image => {
  const reference = tag as Image['source']['reference']
  return { source: { registry: 'a:5000', repository: parseRepositoryName(name), reference }, destination: { registry: 'b:5000', repository: parseRepositoryName(`m/${name}`), reference } }
}
const refused = (name: string, op: 'list' | 'resolve', status: number, code: string, message: string): Failure => {
  const request = op === 'list' ? `GET /v2/m/${name}/tags/list?n=1000` : `HEAD /v2/m/${name}/manifests/1.${name.length}`
  const cause = new RegistryError({ status, registry: 'b:5000', request, details: [{ code, message }] })
  return failureOf({ image: image(name, `1.${name.length}`), error: toRecord(new CopyError('destination', op, undefined, cause)), hint: `cure ${code}` })
}
const names = Array.from({ length: 143 }, (_, i) => (i % 2 === 0 ? `team/app-${i}` : `app${i}`))

test('answers that differ in the names they repeat are one group, with the names blanked', () => {
  const text = formatGroups(groupFailures(names.map((name) => refused(name, 'list', 401, 'UNAUTHORIZED', `no access to m/${name}`))), 'image', { groups: 20, names: 3 })
  expect(text).toEqual([
    '  143 images: list on the destination: b:5000 answered 401 to GET /v2/…/tags/list?n=1000 (UNAUTHORIZED: no access to …)',
    '    a:5000/team/app-0:1.10 -> b:5000/m/team/app-0:1.10', '    a:5000/app1:1.4 -> b:5000/m/app1:1.4', '    a:5000/team/app-2:1.10 -> b:5000/m/team/app-2:1.10',
    '    and 140 more', '    -> cure UNAUTHORIZED',
  ])
})

test('the step at which a registry refused does not part them; its words do where the status alone says little', () => {
  const step = names.map((name, i) => refused(name, i % 3 === 0 ? 'resolve' : 'list', 401, 'UNAUTHORIZED', 'log in'))
  expect(groupFailures(step).map(({ reason }) => reason)).toEqual(['b:5000 answered 401 (UNAUTHORIZED: log in)'])
  const words = names.map((name, i) => refused(name, 'list', 400, 'UNKNOWN', i < 100 ? `${name}: bad day` : `m/${name} is too long`))
  expect(groupFailures(words).map(({ failures }) => failures.length)).toEqual([100, 43])
})

test('other registries, statuses and cures are other reasons; a lone failure is told in full', () => {
  const groups = groupFailures([refused('a/b', 'list', 401, 'UNAUTHORIZED', 'x'), refused('a/c', 'list', 403, 'DENIED', 'x')])
  expect(formatGroups(groups, 'image', { groups: 1, names: 3 })).toEqual([
    '  a:5000/a/b:1.3 -> b:5000/m/a/b:1.3', '    list on the destination: b:5000 answered 401 to GET /v2/m/a/b/tags/list?n=1000 (UNAUTHORIZED: x)', '    -> cure UNAUTHORIZED',
    '  and 1 more image for 1 other reason',
  ])
})

test('the images of a group that is told in full are not cut by one', () => {
  const lines = formatGroups(groupFailures(names.slice(0, 4).map((name) => refused(name, 'list', 401, 'UNAUTHORIZED', 'x'))), 'image', { groups: 20, names: 3 })
  expect(lines.filter((line) => line.includes(' -> b:'))).toHaveLength(4)
})
