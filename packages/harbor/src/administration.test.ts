// What people administer by the API, against the embedded Harbor: robot accounts, webhooks, labels, quotas, upstreams, retention, immutability, tags.
// Each with an account that may, and one that may not.
import { parseRepositoryName } from '@longshore/oci'
import { createRegistry, type Registry } from '@longshore/registry'
import { type Credentials, type EmbeddedHarbor, image, seed, startEmbeddedHarbor } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  createImmutableRule, createRobot, createWebhook, deleteImmutableRule, deleteRobot, deleteTag, deleteWebhook, findArtifact, findProject, findRobot, findUpstream, Harbor,
  HarborError, isImmutableTag, listImmutableRules, listLabels, listRobots, listWebhooks, quotaOfProject, refreshRobot, retentionOf, updateQuota, updateWebhook,
} from './index.ts'

const io = { signal: new AbortController().signal }
const nowhere = 4711

let server: EmbeddedHarbor
let teamId: number
const clients: Registry[] = []

beforeAll(async () => {
  server = await startEmbeddedHarbor()
  for (const [name, role] of [['boss', 'projectAdmin'], ['keeper', 'maintainer'], ['builder', 'developer'], ['visitor', 'guest']] as const) {
    server.addUser(name)
    if (name === 'boss') teamId = server.addProject('team')
    server.addMember('team', name, role)
  }
  server.addUser('stranger')
})
afterEach(async () => { for (const client of clients.splice(0)) await client[Symbol.asyncDispose]() })
afterAll(async () => { await server[Symbol.asyncDispose]() })

function clientOf(account?: Credentials): Registry {
  const client = createRegistry({
    registry: server.host, tlsVerify: false, retries: { attempts: 1 },
    ...(account ? { credentials: { kind: 'basic', username: account.name, password: account.password } as const } : {}),
  })
  clients.push(client)
  return client
}
const as = (account?: Credentials): Harbor => new Harbor(clientOf(account))
const member = (name: string): Harbor => as({ name, password: 'Password1' })
const admin = (): Harbor => as(server.admin)

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> { return await Array.fromAsync(items) }

async function refusalOf(promise: Promise<unknown>): Promise<Pick<HarborError, 'code' | 'message' | 'status'>> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason)
  if (!(error instanceof HarborError)) throw new Error(`no HarborError but ${String(error)}`)
  return { code: error.code, status: error.status, message: error.message }
}

/** A thing of the team's that one may not do, with the words that say what is missing. */
async function expectForbidden(account: string, permission: string, act: (harbor: Harbor) => Promise<unknown>): Promise<void> {
  expect(await refusalOf(act(member(account)))).toMatchObject({ code: 'HARBOR_FORBIDDEN', status: 403, message: expect.stringContaining(`${account} needs the permission "${permission}"`) })
  expect(await refusalOf(act(as()))).toMatchObject({ code: 'HARBOR_UNAUTHORIZED', status: 401 })
}

async function post(path: string, body: object): Promise<void> {
  const answer = await fetch(`${server.url}/api/v2.0${path}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${server.admin.name}:${server.admin.password}`).toString('base64')}` },
  })
  expect(answer.status).toBe(201)
}

describe('robot accounts', () => {
  const wanted = { name: 'ci', level: 'project', durationDays: 30, permissions: [{ kind: 'project', namespace: 'team', access: [{ resource: 'repository', action: 'push' }, { resource: 'repository', action: 'pull' }] }] } as const
  const mayPush = async (name: string, password: string): Promise<boolean> => {
    try { return await clientOf({ name, password }).mayPush(parseRepositoryName('team/app'), io) === true } catch { return false }
  }

  test('one is made, found by its name, pushes, gets another secret, and goes', async () => {
    const harbor = member('boss')
    const made = await createRobot(harbor, wanted, io)
    expect(made).toEqual({ id: expect.any(Number), name: 'robot$team+ci', secret: expect.stringMatching(/^\w{32}$/) })
    expect(await mayPush(made.name, made.secret)).toBe(true)
    expect(await refusalOf(createRobot(harbor, wanted, io))).toMatchObject({ code: 'HARBOR_CONFLICT' })
    expect(await findRobot(harbor, made.id, io)).toMatchObject({ name: made.name, level: 'project', disable: false, duration: 30, permissions: [{ namespace: 'team' }] })
    await createRobot(harbor, { ...wanted, name: 'other', durationDays: -1 }, io)
    expect((await all(listRobots(harbor, { projectId: teamId }, io))).map(({ name, expires_at }) => [name, expires_at > 0])).toEqual(expect.arrayContaining([['robot$team+ci', true], ['robot$team+other', false]]))
    expect((await all(listRobots(harbor, { projectId: teamId, name: 'team+ci' }, io))).map(({ id }) => id)).toEqual([made.id])
    const second = await refreshRobot(harbor, made.id, undefined, io)
    expect([await mayPush(made.name, made.secret), await mayPush(made.name, second!)]).toEqual([false, true])
    expect(await refreshRobot(harbor, made.id, 'Chosen-By-1', io)).toBe('Chosen-By-1')
    expect([await mayPush(made.name, second!), await mayPush(made.name, 'Chosen-By-1')]).toEqual([false, true])
    expect(await refusalOf(refreshRobot(harbor, made.id, 'weak', io))).toMatchObject({ code: 'HARBOR_REFUSED', message: expect.not.stringContaining('weak') })
    expect(await deleteRobot(harbor, made.id, io)).toBe(true)
    expect([await mayPush(made.name, 'Chosen-By-1'), await deleteRobot(harbor, made.id, io), await findRobot(harbor, made.id, io)]).toEqual([false, false, undefined])
  })

  test('one of the whole Harbor is an administrator\'s to make', async () => {
    const system = { ...wanted, name: 'mover', level: 'system' } as const
    await expectForbidden('boss', 'robot: create', async (harbor) => await createRobot(harbor, system, io))
    const harbor = admin()
    const { id, name } = await createRobot(harbor, { ...system, permissions: [...system.permissions, { kind: 'system', namespace: '/', access: [{ resource: 'project', action: 'create' }] }] }, io)
    expect(name).toBe('robot$mover')
    expect((await all(listRobots(harbor, { name: 'mover' }, io))).map((robot) => robot.id)).toEqual([id])
    await expectForbidden('boss', 'robot: list', async (asked) => await all(listRobots(asked, {}, io)))
    await expectForbidden('boss', 'robot: update', async (asked) => await refreshRobot(asked, id, undefined, io))
    await expectForbidden('boss', 'robot: delete', async (asked) => await deleteRobot(asked, id, io))
  })

  test('a member without the right is told which, and that it is one in the project', async () => {
    await expectForbidden('builder', 'robot: create', async (harbor) => await createRobot(harbor, { ...wanted, name: 'mine' }, io))
    expect((await refusalOf(createRobot(member('builder'), { ...wanted, name: 'mine' }, io))).message).toContain('of a robot account that covers this project, or a member of it')
    // Members may look.
    expect((await all(listRobots(member('visitor'), { projectId: teamId }, io))).length).toBeGreaterThan(0)
    await expectForbidden('stranger', 'robot: list', async (harbor) => await all(listRobots(harbor, { projectId: teamId }, io)))
  })
})

describe('webhooks', () => {
  const wanted = { name: 'longshore', enabled: true, eventTypes: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT'], target: { type: 'http', address: 'http://127.0.0.1:1/hook', authHeader: 'Bearer not-to-be-seen' } } as const

  test('one is made, changed and deleted, and its secret is not read', async () => {
    const harbor = member('boss')
    await createWebhook(harbor, 'team', wanted, io)
    expect(await refusalOf(createWebhook(harbor, 'team', wanted, io))).toMatchObject({ code: 'HARBOR_CONFLICT' })
    const [hook] = await all(listWebhooks(harbor, 'team', io))
    expect(hook).toMatchObject({ name: 'longshore', enabled: true, event_types: wanted.eventTypes, targets: [{ type: 'http', address: wanted.target.address, payload_format: 'Default' }] })
    expect(JSON.stringify(hook)).not.toContain('not-to-be-seen')
    await updateWebhook(harbor, 'team', hook!.id, { ...wanted, enabled: false, eventTypes: ['PUSH_ARTIFACT'], target: { ...wanted.target, payloadFormat: 'CloudEvents' } }, io)
    expect(await all(listWebhooks(harbor, 'team', io))).toMatchObject([{ id: hook!.id, enabled: false, event_types: ['PUSH_ARTIFACT'], targets: [{ payload_format: 'CloudEvents' }] }])
    expect(await refusalOf(updateWebhook(harbor, 'team', nowhere, wanted, io))).toMatchObject({ code: 'HARBOR_NOT_FOUND' })
    expect([await deleteWebhook(harbor, 'team', hook!.id, io), await deleteWebhook(harbor, 'team', hook!.id, io), await all(listWebhooks(harbor, 'team', io))]).toEqual([true, false, []])
  })

  test('a kind of event that there is none of is refused in Harbor\'s words', async () => {
    expect(await refusalOf(createWebhook(member('boss'), 'team', { ...wanted, eventTypes: ['PAINT'] }, io))).toMatchObject({ code: 'HARBOR_REFUSED', message: expect.stringContaining('unsupported event type PAINT') })
  })

  test('a maintainer may look, and nothing else; a developer not even that', async () => {
    expect(await all(listWebhooks(member('keeper'), 'team', io))).toEqual([])
    await expectForbidden('keeper', 'notification-policy: create', async (harbor) => await createWebhook(harbor, 'team', wanted, io))
    await expectForbidden('keeper', 'notification-policy: update', async (harbor) => await updateWebhook(harbor, 'team', 1, wanted, io))
    await expectForbidden('keeper', 'notification-policy: delete', async (harbor) => await deleteWebhook(harbor, 'team', 1, io))
    await expectForbidden('builder', 'notification-policy: list', async (harbor) => await all(listWebhooks(harbor, 'team', io)))
    expect(await refusalOf(all(listWebhooks(admin(), 'nowhere', io)))).toMatchObject({ code: 'HARBOR_NOT_FOUND' })
  })
})

test('labels are those of all projects or those of one, for its members', async () => {
  for (const name of ['release', 'stable']) await post('/labels', { name, scope: 'g', color: '#fff' })
  await post('/labels', { name: 'release-team', scope: 'p', project_id: teamId })
  const [everywhere, ofTeam] = [{ scope: 'g' }, { scope: 'p', projectId: teamId }] as const
  expect((await all(listLabels(member('visitor'), everywhere, {}, io))).map(({ name, project_id }) => [name, project_id])).toEqual([['release', 0], ['stable', 0]])
  expect((await all(listLabels(member('visitor'), everywhere, { name: 'stab' }, io))).map(({ name }) => name)).toEqual(['stable'])
  expect(await all(listLabels(member('visitor'), ofTeam, {}, io))).toMatchObject([{ name: 'release-team', scope: 'p', project_id: teamId }])
  await expectForbidden('stranger', 'label: list', async (harbor) => await all(listLabels(harbor, ofTeam, {}, io)))
})

test('a quota is read and changed by an administrator, or a robot account with the permission', async () => {
  const quota = await quotaOfProject(admin(), teamId, io)
  expect(quota).toMatchObject({ id: expect.any(Number), hard: -1, used: 0, ref: { name: 'team' } })
  await updateQuota(admin(), quota!.id, 2 ** 30, io)
  expect(await quotaOfProject(admin(), teamId, io)).toMatchObject({ hard: 2 ** 30 })
  const robot = as(server.addRobot('quotas', { system: ['quota:list', 'quota:update'] }))
  await updateQuota(robot, quota!.id, -1, io)
  expect(await quotaOfProject(robot, teamId, io)).toMatchObject({ hard: -1 })
  expect(await refusalOf(updateQuota(admin(), quota!.id, 0, io))).toMatchObject({ code: 'HARBOR_REFUSED', status: 400 })
  expect(await refusalOf(updateQuota(admin(), nowhere, 1, io))).toMatchObject({ code: 'HARBOR_NOT_FOUND' })
  expect(await quotaOfProject(admin(), nowhere, io)).toBeUndefined()
  await expectForbidden('boss', 'quota: list', async (harbor) => await quotaOfProject(harbor, teamId, io))
  await expectForbidden('boss', 'quota: update', async (harbor) => await updateQuota(harbor, quota!.id, 1, io))
})

test('what a proxy cache stands for is told to administrators', async () => {
  server.addProject('cache', { proxyOf: 'https://upstream.example', members: { boss: 'projectAdmin' } })
  const { registry_id: upstreamId } = (await findProject(member('boss'), 'cache', io))!
  expect(await findUpstream(admin(), upstreamId!, io)).toMatchObject({ id: upstreamId, type: 'docker-registry', url: 'https://upstream.example', status: 'healthy' })
  expect(await findUpstream(admin(), nowhere, io)).toBeUndefined()
  await expectForbidden('boss', 'registry: read', async (harbor) => await findUpstream(harbor, upstreamId!, io))
})

test('a retention policy is found by its project', async () => {
  const id = server.addProject('tidied', { members: { builder: 'developer', visitor: 'guest' } })
  const project = async (): Promise<NonNullable<Awaited<ReturnType<typeof findProject>>>> => (await findProject(admin(), 'tidied', io))!
  expect(await retentionOf(admin(), await project(), io)).toBeUndefined()
  const selectors = { tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: 'v*' }], scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: '**' }] } }
  await post('/retentions', {
    algorithm: 'or', scope: { level: 'project', ref: id }, trigger: { kind: 'Schedule', settings: { cron: '0 0 0 * * *' } },
    rules: [{ disabled: false, action: 'retain', template: 'latestPushedK', params: { latestPushedK: 10 }, ...selectors }],
  })
  const policy = await retentionOf(member('builder'), await project(), io)
  expect(policy).toMatchObject({ rules: [{ disabled: false, template: 'latestPushedK', params: { latestPushedK: 10 }, ...selectors }], trigger: { kind: 'Schedule', settings: { cron: '0 0 0 * * *' } } })
  const tidied = await project()
  await expectForbidden('visitor', 'tag-retention: read', async (harbor) => await retentionOf(harbor, tidied, io))
  // Deleted between the two requests.
  expect(await retentionOf(admin(), { ...tidied, metadata: { retention_id: String(nowhere) } }, io)).toBeUndefined()
})

describe('immutability and tags', () => {
  const rule = { tags: { decoration: 'matches', pattern: 'v*' }, repositories: { decoration: 'repoMatches', pattern: 'apps/**' } } as const
  const content = image({ seed: 'tagged', layers: [100] })
  const push = async (...tags: readonly string[]): Promise<void> => {
    await seed(server.url, tags.map((tag) => ({ repository: 'team/apps/web', tag, content })), { authorization: `Basic ${Buffer.from(`${server.admin.name}:${server.admin.password}`).toString('base64')}` })
  }

  test('a rule is made, keeps a tag from going, and is deleted; the tag goes then, and what it named stays', async () => {
    await push('v1', 'next')
    const harbor = member('keeper')
    await createImmutableRule(harbor, 'team', rule, io)
    expect(await refusalOf(createImmutableRule(harbor, 'team', rule, io))).toMatchObject({ code: 'HARBOR_CONFLICT' })
    const [made] = await all(listImmutableRules(harbor, 'team', io))
    expect(made).toMatchObject({ disabled: false, tag_selectors: [{ decoration: 'matches', pattern: 'v*' }], scope_selectors: { repository: [{ decoration: 'repoMatches', pattern: 'apps/**' }] } })
    expect([await isImmutableTag(harbor, 'team', 'apps/web', 'v1', io), await isImmutableTag(harbor, 'team', 'apps/web', 'next', io), await isImmutableTag(harbor, 'team', 'apps/web', 'none', io)]).toEqual([true, false, false])
    expect(await deleteTag(harbor, 'team', 'apps/web', 'v1', io)).toEqual({ held: 'the tag v1 configured as immutable, cannot be deleted' })
    await expectForbidden('builder', 'immutable-tag: delete', async (asked) => await deleteImmutableRule(asked, 'team', made!.id, io))
    expect([await deleteImmutableRule(harbor, 'team', made!.id, io), await deleteImmutableRule(harbor, 'team', made!.id, io), await all(listImmutableRules(harbor, 'team', io))]).toEqual([true, false, []])
    expect([await deleteTag(harbor, 'team', 'apps/web', 'v1', io), await deleteTag(harbor, 'team', 'apps/web', 'v1', io), await deleteTag(harbor, 'team', 'nowhere', 'v1', io)]).toEqual(['deleted', 'absent', 'absent'])
    expect((await findArtifact(harbor, 'team', 'apps/web', content.root.digest, { withTag: true }, io))?.tags.map(({ name }) => name)).toEqual(['next'])
  })

  test('each wants its permission', async () => {
    await push('v2')
    await expectForbidden('builder', 'immutable-tag: create', async (harbor) => await createImmutableRule(harbor, 'team', rule, io))
    await expectForbidden('builder', 'immutable-tag: list', async (harbor) => await all(listImmutableRules(harbor, 'team', io)))
    await expectForbidden('builder', 'tag: delete', async (harbor) => await deleteTag(harbor, 'team', 'apps/web', 'v2', io))
    await expectForbidden('stranger', 'tag: list', async (harbor) => await isImmutableTag(harbor, 'team', 'apps/web', 'v2', io))
    const robot = as(server.addRobot('pruner', { project: 'team', access: ['tag:list', 'tag:delete'] }))
    expect([await isImmutableTag(robot, 'team', 'apps/web', 'v2', io), await deleteTag(robot, 'team', 'apps/web', 'v2', io)]).toEqual([false, 'deleted'])
  })
})
