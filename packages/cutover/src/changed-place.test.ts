import { parseSpecs } from '@longshore/spec'
import { expect, test } from 'vitest'
import { changedPlace } from './changed-place.ts'

const spec = async (rest: string) => (await parseSpecs([{ name: 'rules.yaml', content: `version: 1\nfrom: old:5000\n${rest}` }], {})).migration
const named = 'images: [{ name: team/app }]'
const all = "images: [{ repositories: { include: ['team/**'] } }]"

test.each<[string, string, string, string | undefined]>([
  ['another prefix', `to: new:5000/a\n${named}`, `to: new:5000/b\n${named}`, 'old:5000/team/app was moved to new:5000/a/team/app so far, and would be moved to new:5000/b/team/app'],
  ['another prefix of a catalog', `to: new:5000\n${all}`, `to: new:5000/b\n${all}`, 'old:5000/team/** was moved to new:5000 so far, and would be moved to new:5000/b'],
  ['and less of it', `to: new:5000\n${all}`, "to: new:5000/b\nimages: [{ repositories: { include: ['team/**'], exclude: ['team/tmp'] } }]", 'old:5000/team/** was moved to new:5000 so far, and would be moved to new:5000/b'],
  ['a rename rule', `to: new:5000\n${all}`, `to: new:5000\nrename: [{ match: ^team, replace: x }]\n${all}`, 'old:5000/team/** would get other names below new:5000 than it has got so far'],
  ['a rename rule that is about others', `to: new:5000\n${named}`, `to: new:5000\nrename: [{ match: ^other, replace: x }]\n${named}`, undefined],
  ['namespaces of a Harbor', `to: new:5000\n${all}`, `to: new:5000\nharbor: { "new:5000": { namespaces: { team: crew } } }\n${all}`, 'old:5000/team/** would get other names below new:5000 than it has got so far'],
  ['a Harbor that keeps names', `to: new:5000\n${all}`, `to: new:5000\nharbor: { "new:5000": {} }\n${all}`, undefined],
  ['a tag with a place of its own', 'to: new:5000\nimages: [{ name: app, tags: ["1"], as: x:1 }]', 'to: new:5000\nimages: [{ name: app, tags: ["1"], as: y:1 }]', 'old:5000/app:1 was moved to new:5000/x:1 so far, and would be moved to new:5000/y:1'],
  ['another tag with another place', 'to: new:5000\nimages: [{ name: app, tags: ["1"], as: x:1 }]', 'to: new:5000\nimages: [{ name: app, tags: ["2"], as: y:1 }]', undefined],
  ['another place besides', `to: new:5000\n${named}`, `to: [new:5000, new:5000/b]\n${named}`, undefined],
  ['images more and fewer', `to: new:5000\nimages: [{ name: a }, { name: b }]`, `to: new:5000\nimages: [{ name: b }, { name: c }]`, undefined],
])('%s', async (_, before, next, says) => { expect(changedPlace(await spec(before), await spec(next))).toBe(says) })
