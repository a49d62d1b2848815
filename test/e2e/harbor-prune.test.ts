// Prune at a Harbor, by the command line: its /v2/ deletes no tags, its API does, and its rules keep some.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertIntact, cosignSignature, type EmbeddedHarbor, image, PlainClient, seed, startDockerRegistry, startEmbeddedHarbor, type SyntheticContent } from '@longshore/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Finished, longshore } from './cli-process.ts'

interface Pruned { readonly destination: string; readonly state: string; readonly how?: string; readonly why?: string; readonly backup?: string; readonly code?: string; readonly hint?: string }

let stack: AsyncDisposableStack
let harbor: EmbeddedHarbor
let at: PlainClient
let prune: (account: { readonly name: string; readonly password: string }, ...more: readonly string[]) => Promise<Finished>
const contentOf = (name: string): SyntheticContent => image({ seed: name, layers: [200] })

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const source = stack.use(await startDockerRegistry())
  harbor = stack.use(await startEmbeddedHarbor())
  harbor.addProject('team')
  const authorization = `Basic ${Buffer.from(`${harbor.admin.name}:${harbor.admin.password}`).toString('base64')}`
  at = stack.use(new PlainClient(harbor.url, { authorization }))
  const folder = await mkdtemp(join(tmpdir(), 'longshore-harbor-prune-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const tags = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'].map((tag) => ({ tag, content: contentOf(tag) }))
  await seed(source.url, tags.map((one) => ({ repository: 'team/app/web', ...one })))
  const signature = cosignSignature(contentOf('gone').root.digest)
  await seed(harbor.url, [...tags, { tag: 'gone', content: contentOf('gone') }, { tag: 'same-as-1', content: contentOf('1') }, { tag: 'v-old', content: contentOf('old') }].map((one) => ({ repository: 'team/app/web', ...one })), { authorization })
  await seed(harbor.url, [{ repository: 'team/app/web', tag: signature.tag, content: signature.content }], { authorization })
  const rule = {
    disabled: false, action: 'immutable', template: 'immutable_template', tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: 'v-*' }],
    scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: 'app/*' }] },
  }
  expect((await at.send('POST', '/api/v2.0/projects/team/immutabletagrules', { body: Buffer.from(JSON.stringify(rule)), headers: { 'content-type': 'application/json' } })).status).toBe(201)
  const spec = join(folder, 'rules.yaml')
  await writeFile(spec, `version: 1\nfrom: ${source.host}\nto: ${harbor.host}\nimages:\n  - name: team/app/web\n`)
  prune = async ({ name, password }, ...more) => {
    const authfile = join(folder, 'auth.json')
    await writeFile(authfile, JSON.stringify({ auths: { [harbor.host]: { auth: Buffer.from(`${name}:${password}`).toString('base64') } } }))
    return await longshore(['prune', spec, '--src-tls-verify=false', '--dest-tls-verify=false', '--authfile', authfile, '--ceiling', '50%', ...more])
  }
})
afterEach(async () => { await stack.disposeAsync() })

const orphansOf = ({ stdout, stderr }: Finished): Readonly<Record<string, Pruned>> => {
  try {
    return Object.fromEntries((JSON.parse(stdout) as { orphans: readonly Pruned[] }).orphans.map((one) => [one.destination.replace(`${harbor.host}/team/app/web:`, ''), one]))
  } catch { throw new Error(`no JSON: ${stdout}${stderr}`) }
}
const tagsThere = async (): Promise<readonly string[]> => (JSON.parse((await at.send('GET', '/v2/team/app/web/tags/list')).body.toString()) as { tags: string[] }).tags.toSorted()
const pruner = (...access: readonly string[]): { readonly name: string; readonly password: string } => harbor.addRobot('pruner', { project: 'team', access: ['repository:pull', ...access] })
const lasting = ['1', '10', '2', '3', '4', '5', '6', '7', '8', '9']
const held = 'an immutability rule of its project keeps it (Policy › Tag Immutability)'
const signatureTag = cosignSignature(contentOf('gone').root.digest).tag

test('a dry run names what would go and what a rule keeps, and writes nothing', async () => {
  const account = pruner('tag:list')
  const { code, stdout, stderr } = await prune(account)
  expect(code, stderr).toBe(0)
  expect(stdout).toContain(`would be deleted:\n  ${harbor.host}/team/app/web:gone  ${contentOf('gone').root.digest}\n  ${harbor.host}/team/app/web:same-as-1  `)
  expect(stdout).toContain(`left alone:\n  ${harbor.host}/team/app/web:v-old: ${held}\n`)
  expect(await tagsThere()).toEqual([...lasting, 'gone', 'same-as-1', signatureTag, 'v-old'].toSorted())
})

test('tags go by the API with the least rights, their companions as well, and manifests that others name stay', async () => {
  harbor.clearRequests()
  const done = await prune(pruner('tag:list', 'tag:delete'), '--apply', '--json')
  expect(done.code, done.stderr).toBe(0)
  expect(orphansOf(done)).toEqual({
    gone: expect.objectContaining({ state: 'deleted', how: 'tag' }), 'same-as-1': expect.objectContaining({ state: 'deleted', how: 'tag' }), [signatureTag]: expect.objectContaining({ state: 'deleted', how: 'tag' }),
    'v-old': expect.objectContaining({ state: 'kept', why: held }),
  })
  expect(await tagsThere()).toEqual([...lasting, 'v-old'])
  for (const tag of [...lasting, 'v-old']) await assertIntact(harbor.url, 'team/app/web', tag, { authorization: `Basic ${Buffer.from(`${harbor.admin.name}:${harbor.admin.password}`).toString('base64')}` })
  // Nothing but tags was deleted, and nothing was pushed to do it.
  expect(harbor.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method)).map(({ method, path }) => `${method} ${/\/tags\/[^/]+$/.exec(path)?.[0] ?? path}`)).toEqual(['DELETE /tags/gone', 'DELETE /tags/same-as-1', `DELETE /tags/${signatureTag}`])
})

test('a backup is put before, where the account may push; not for what stays', async () => {
  const done = await prune(pruner('repository:push', 'tag:list', 'tag:delete'), '--apply', '--backup-tag', 'pruned-{tag}', '--json')
  expect(done.code, done.stderr).toBe(0)
  expect(orphansOf(done)['gone']).toMatchObject({ state: 'deleted', backup: 'pruned-gone' })
  expect(await tagsThere()).toEqual([...lasting, 'pruned-gone', 'pruned-same-as-1', signatureTag, 'v-old'].toSorted())
})

test('an account that may not is told which permission it lacks, and nothing goes', async () => {
  const blind = await prune(pruner(), '--apply', '--json')
  expect(blind.code).toBe(1)
  expect((JSON.parse(blind.stdout) as { untold: readonly { why: string }[] }).untold[0]!.why).toContain('robot$team+pruner needs the permission "tag: list"')
  const reader = harbor.addRobot('reader', { project: 'team', access: ['repository:pull', 'tag:list'] })
  const refused = await prune(reader, '--apply')
  expect(refused.code).toBe(1)
  expect(refused.stdout).toContain('robot$team+reader needs the permission "tag: delete"')
  expect(await tagsThere()).toEqual([...lasting, 'gone', 'same-as-1', signatureTag, 'v-old'].toSorted())
})
