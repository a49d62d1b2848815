// Harbor as a destination, by the command line, in front of a real docker-registry: what plan says, what migrate makes, who may and who may not.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertIntact, type EmbeddedHarbor, type EmbeddedRegistry, image, type RedisServer, seed, startEmbeddedHarbor, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Finished, longshore } from './cli-process.ts'

interface Account { readonly name: string; readonly password: string }
interface Finding { readonly severity: string; readonly kind: string; readonly project?: string; readonly message: string; readonly remedy: string }

let folder: string
let source: EmbeddedRegistry
let redis: RedisServer
let harbor: EmbeddedHarbor

const repositories = ['blue/web', 'blue/db', 'green/api/v2', 'tool']
const contentOf = (repository: string): ReturnType<typeof image> => image({ seed: repository, layers: [3_000, 40_000] })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-harbor-'))
  ;[source, redis] = await Promise.all([startEmbeddedRegistry(), startRedis()])
  await seed(source.url, repositories.map((repository) => ({ repository, tag: '1', content: contentOf(repository) })))
})
afterAll(async () => {
  await Promise.all([source[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => { harbor = await startEmbeddedHarbor() })
afterEach(async () => { await harbor[Symbol.asyncDispose]() })

const basic = ({ name, password }: Account): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`${harbor.url}/api/v2.0${path}`, { ...init, headers: { authorization: basic(harbor.admin), 'content-type': 'application/json' } })
}

async function write(settings: string, images: readonly string[] = repositories.map((name) => `${name}:1`), to = harbor.host): Promise<string> {
  const file = join(folder, 'spec.yaml')
  await writeFile(file, `version: 1\nfrom: ${source.host}\nto: ${to}\nimages:\n${images.map((one) => `  - ${one}\n`).join('')}${settings}\n`)
  return file
}

/** Credentials by a file, as a person has them after a login. */
async function run(command: string, spec: string, account: Account, more: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const authfile = join(folder, 'auth.json')
  await writeFile(authfile, JSON.stringify({ auths: { [harbor.host]: { auth: Buffer.from(`${account.name}:${account.password}`).toString('base64') } } }))
  return await longshore([command, spec, '--src-tls-verify=false', '--dest-tls-verify=false', '--authfile', authfile, ...more], { env })
}

/** What the account needs, and no more. */
const mover = (): Account => harbor.addRobot('mover', { access: ['repository:pull', 'repository:push'], system: ['project:create'] })
const writes = (): number => harbor.requests.filter(({ method, status }) => ['POST', 'PUT', 'PATCH'].includes(method) && status < 400).length

describe('plan', () => {
  async function findings(spec: string, account: Account, code: number): Promise<readonly Finding[]> {
    const { stdout, stderr, code: ended } = await run('plan', spec, account, ['--json'])
    expect(ended, stderr).toBe(code)
    return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings
  }

  test('names what stands in the way of each project, and writes nothing', async () => {
    const user = harbor.addUser('ann')
    const member = { members: { ann: 'maintainer' } } as const
    harbor.addProject('cache', { proxyOf: 'https://upstream.example', ...member })
    harbor.addProject('small', { quota: 10_000, ...member })
    harbor.addProject('fixed', member)
    harbor.addProject('guarded', { metadata: { prevent_vul: 'true', severity: 'high' }, ...member })
    harbor.addProject('foreign', { members: { ann: 'guest' } })
    await seed(harbor.url, [{ repository: 'fixed/web', tag: '1', content: image({ seed: 'other', layers: [500] }) }], { authorization: basic(harbor.admin) })
    expect((await api('/projects/fixed/immutabletagrules', {
      method: 'POST', body: JSON.stringify({
        disabled: false, action: 'immutable', template: 'immutable_template', tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: '*' }], scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: 'w**' }] },
      }),
    })).status).toBe(201)
    harbor.clearRequests()
    const items = ['cache', 'small', 'fixed', 'guarded', 'foreign', 'nowhere'].map((project) => `{ name: blue/web, tags: ["1"], as: ${project}/web }`)
    const spec = await write(`harbor: { "${harbor.host}": { createProjects: false } }`, items)
    const found = await findings(spec, user, 1)
    expect(found.map(({ severity, kind, project }) => `${severity} ${kind} ${project ?? ''}`)).toEqual([
      'problem proxy-cache cache', 'problem immutable-tag fixed', 'problem push-forbidden foreign', 'problem project-missing nowhere', 'problem quota-exceeded small', 'note pull-policy guarded',
    ])
    const of = (project: string): string => found.filter((one) => one.project === project).map(({ message, remedy }) => `${message}; ${remedy}`).join('\n')
    expect(of('fixed')).toContain('the rule "repositories matching w**, tags matching *" makes immutable what would change: fixed/web:1')
    expect(of('small')).toMatch(/its quota is 9.8 KiB, of which 0 B are used, and up to 4\d(?:\.\d)? KiB are to come/)
    expect(of('nowhere')).toContain(`write harbor: { ${harbor.host}: { createProjects: true } }`)
    expect(of('foreign')).toContain('ann may not push to this project')
    expect(writes()).toBe(0)

    const { stdout } = await run('plan', spec, user)
    expect(stdout).toContain('what stands in the way at the destination:\n')
    expect(stdout).toContain(`  ${harbor.host}/cache: this project is a proxy cache, which takes no pushes; `)
    expect(stdout).toContain('to know about the destination:\n')
  })

  test('tells of a retention policy that would take away again what comes, whether it is to come or there already', async () => {
    const user = harbor.addUser('ann')
    const ids = ['tidied', 'kept'].map((name) => harbor.addProject(name, { members: { ann: 'maintainer' } }))
    const selectors = { tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: 'v*' }], scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: '{web,w/api}' }] } }
    for (const [i, tags] of ['v*', '**'].entries()) {
      expect((await api('/retentions', {
        method: 'POST', body: JSON.stringify({
          algorithm: 'or', scope: { level: 'project', ref: ids[i] }, trigger: { kind: 'Schedule', settings: { cron: '0 0 0 * * *' } },
          rules: [{ disabled: false, action: 'retain', template: 'always', params: {}, ...selectors, tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: tags }] }],
        }),
      })).status).toBe(201)
    }
    await seed(harbor.url, [{ repository: 'tidied/web', tag: '1', content: contentOf('blue/web') }], { authorization: basic(harbor.admin) })
    const spec = await write('', ['{ name: blue/web, tags: ["1"], as: tidied/web }', '{ name: blue/db, tags: ["1"], as: tidied/db }', '{ name: blue/web, tags: ["1"], as: kept/web }', '{ name: green/api/v2, tags: ["1"], as: tidied/w/api }'])
    const found = await findings(spec, user, 0)
    expect(found.map(({ severity, kind, project }) => `${severity} ${kind} ${project ?? ''}`)).toEqual(['note retention tidied'])
    expect(found[0]!.message).toMatch(/^its tag retention policy \(schedule 0 0 0 \* \* \*\) does not keep all of what is to be there: no rule retains tidied\/w\S+:1, tidied\/w\S+:1$/)
    harbor.addMember('tidied', 'ann', 'guest')
    const guest = harbor.addRobot('viewer', { access: ['repository:pull', 'repository:push', 'project:read'] })
    expect((await findings(spec, guest, 0)).map(({ kind, message }) => `${kind} ${message}`)).toContain('not-examined its tag retention policy may not be seen by this account ("tag-retention: read")')
  })

  test.each([['in one process', false], ['over Redis', true]])('says what will be made, and plans the images for it, %s', async (_, isPool) => {
    const { stdout, code, stderr } = await run('plan', await write(`harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools, project: { quota: 20KB } } }`), mover(), ['--json', ...(isPool ? ['--redis', redis.url, '--workers', '1'] : [])])
    const { findings: found, images } = JSON.parse(stdout) as { findings: readonly Finding[]; images: ReadonlyArray<{ state: string }> }
    expect(images.map(({ state }) => state), stderr).toEqual(['copy', 'copy', 'copy', 'copy'])
    expect(found.map(({ severity, kind, project }) => `${severity} ${kind} ${project ?? ''}`).toSorted()).toEqual([
      'note project-missing blue', 'note project-missing green', 'note project-missing tools', 'problem quota-exceeded blue', 'problem quota-exceeded green', 'problem quota-exceeded tools',
    ])
    expect(code).toBe(1)
  })

  test('says who may not make projects', async () => {
    const found = await findings(await write(`harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools } }`), harbor.addUser('bob'), 0)
    expect(found.map(({ kind }) => kind)).toEqual(['project-missing', 'project-missing', 'project-missing'])
    harbor.configure({ projectCreation: 'adminonly' })
    const then = await findings(await write(`harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools } }`), { name: 'bob', password: 'Password1' }, 1)
    expect(then.map(({ kind }) => kind)).toEqual(['project-forbidden', 'project-forbidden', 'project-forbidden'])
    expect(then[0]?.message).toContain('bob may not make projects')
  })

  test('asks a destination that the spec says nothing about one question, and judges it where it is a Harbor', async () => {
    harbor.configure({ readOnly: true })
    const found = await findings(await write('', ['blue/web:1', 'tool:1']), mover(), 1)
    expect(found.map(({ kind }) => kind).toSorted()).toEqual(['name-invalid', 'project-missing', 'read-only'])
    await using plain = await startEmbeddedRegistry()
    const { code, stdout } = await run('plan', await write('', ['blue/web:1'], plain.host), harbor.admin, ['--json'])
    expect([code, (JSON.parse(stdout) as { findings: unknown }).findings]).toEqual([0, []])
    expect(plain.requests.filter(({ path }) => path.startsWith('/api/')).map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /api/v2.0/systeminfo'])
  })
})

describe.each([['in one process', []], ['over Redis', ['--workers', '2']]] as const)('migrate, %s', (_, flags) => {
  const over = (): readonly string[] => (flags.length === 0 ? [] : ['--redis', redis.url, ...flags])

  test('makes the projects before their first image, with a robot account that may do just that', async () => {
    const settings = `harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools, namespaces: { green/api: apis }, project: { quota: 1GiB, autoScan: true }, projects: { tools: { public: true } } } }`
    const robot = mover()
    const { code, stdout, stderr } = await run('migrate', await write(settings), robot, over())
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('4 copied, 0 already there, 0 failed')
    for (const [from, to] of [['blue/web', 'blue/web'], ['blue/db', 'blue/db'], ['green/api/v2', 'apis/v2'], ['tool', 'tools/tool']] as const) {
      await assertIntact(harbor.url, to, '1', { expectDigest: contentOf(from).root.digest, authorization: basic(harbor.admin) })
    }
    const made = await Promise.all(['blue', 'apis', 'tools'].map(async (name) => (await (await api(`/projects/${name}`)).json()) as { metadata: Record<string, string> }))
    expect(made.map(({ metadata }) => [metadata['public'], metadata['auto_scan']])).toEqual([['false', 'true'], ['false', 'true'], ['true', 'true']])
    expect(await (await api('/projects/blue/summary')).json()).toMatchObject({ quota: { hard: { storage: 1024 ** 3 } } })
    expect(harbor.count({ operation: 'createProject' })).toBe(3)
    const firstPush = harbor.requests.findIndex(({ kind, method }) => kind !== 'api' && method === 'POST')
    const lastMade = harbor.requests.findLastIndex(({ operation }) => operation === 'createProject')
    expect(lastMade).toBeLessThan(firstPush)
    expect(stdout + stderr).not.toContain(robot.password)

    // Once more: nothing is made, nothing is moved.
    harbor.clearRequests()
    const again = await run('migrate', await write(settings), robot, over())
    expect(again.stdout).toContain('0 copied, 4 already there, 0 failed')
    expect(harbor.count({ operation: 'createProject' })).toBe(0)
  })

  test.each([
    ['a missing project that may not be made', '{ createProjects: false, defaultProject: tools }', (): Account => mover(), /there is no such project, or robot\$mover may not see it; create it, or write harbor:/],
    ['an account that may not make one', '{ createProjects: true, defaultProject: tools }', (): Account => { harbor.addProject('blue'); return harbor.addRobot('ci', { project: 'blue' }) }, /robot\$blue\+ci may not make projects; use an administrator or a robot account of the system with the permission "project: create"/],
    ['a robot of the system without that right', '{ createProjects: true, defaultProject: tools }', (): Account => harbor.addRobot('plain'), /the project is missing and could not be made: .* needs the permission "project: create"/],
    ['credentials that are not taken', '{ createProjects: true, defaultProject: tools }', (): Account => ({ name: 'robot$gone', password: 'nothing-of-it' }), /answered 401|credentials are not taken/],
  ])('%s ends the run before anything moves', async (_case, settings, account, message) => {
    const who = account()
    harbor.clearRequests()
    const { code, stderr } = await run('migrate', await write(`harbor: { "${harbor.host}": ${settings} }`), who, over())
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain(who.password)
    expect(code).toBe(2)
    expect(writes()).toBe(0)
  })

  test('a Harbor that is read-only, and a proxy cache, end the run before anything moves', async () => {
    const robot = mover()
    harbor.addProject('blue', { proxyOf: 'https://upstream.example' })
    const settings = `harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools } }`
    const cache = await run('migrate', await write(settings), robot, over())
    expect([cache.code, cache.stderr]).toEqual([2, expect.stringContaining('/blue: this project is a proxy cache')])
    harbor.configure({ readOnly: true })
    const closed = await run('migrate', await write(settings), robot, over())
    expect([closed.code, closed.stderr]).toEqual([2, expect.stringContaining('this Harbor is read-only')])
    expect(writes()).toBe(0)
  })

  test('a project that cannot be made fails its own images', async () => {
    const robot = mover()
    harbor.addProject('green')
    harbor.addProject('tools')
    harbor.fail({ match: { operation: 'createProject' }, times: 100, how: { kind: 'status', status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"the database sleeps"}]}' } })
    const failed = join(folder, 'failed.txt')
    const { code, stdout, stderr } = await run('migrate', await write(`harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools } }`), robot, [...over(), '--failed', failed])
    expect(stdout, stderr).toContain('2 copied, 0 already there, 2 failed')
    expect(stdout + stderr).toContain(`the project blue of ${harbor.host} could not be made`)
    expect(stdout + stderr).toContain('the database sleeps')
    expect(code).toBe(1)
    expect((await readFile(failed, 'utf8')).match(/blue\//g)?.length).toBeGreaterThanOrEqual(2)

    harbor.clearFaults()
    expect((await run('migrate', await write(`harbor: { "${harbor.host}": { createProjects: true, defaultProject: tools } }`), robot, over())).code).toBe(0)
  })

  test('one that somebody else makes meanwhile is as good', async () => {
    const robot = mover()
    harbor.onRequest(({ operation }) => { if (operation === 'createProject') try { harbor.addProject('blue') } catch { /* it is there */ } })
    const { code, stderr } = await run('migrate', await write(`harbor: { "${harbor.host}": { createProjects: true } }`, ['blue/web:1']), robot, over())
    expect(code, stderr).toBe(0)
  })
})

describe.each([['in one process', []], ['over Redis', ['--workers', '2']]] as const)('onMissingRepository, %s', (_, flags) => {
  const over = (): readonly string[] => (flags.length === 0 ? [] : ['--redis', redis.url, ...flags])

  test('is called once for each repository that is not there, before its first image', async () => {
    await using destination = await startEmbeddedRegistry()
    await seed(source.url, ['2', '3'].map((tag) => ({ repository: 'blue/web', tag, content: image({ seed: tag, layers: [100] }) })))
    await seed(destination.url, [{ repository: 'm/blue/db', tag: '0', content: image({ seed: 'old', layers: [100] }) }])
    const log = join(folder, `calls-${flags.length}`)
    const hook = join(folder, 'hook.sh')
    await writeFile(hook, '#!/bin/sh\necho "$LONGSHORE_REGISTRY $LONGSHORE_REPOSITORY $LONGSHORE_SOURCE" >>"$LOG"\n', { mode: 0o755 })
    const spec = await write(`onMissingRepository: { command: [${hook}] }`, ['blue/web:1', 'blue/web:2', 'blue/web:3', 'blue/db:1', 'tool:1'], `${destination.host}/m`)
    const { code, stderr } = await run('migrate', spec, harbor.admin, over(), { LOG: log })
    expect(code, stderr).toBe(0)
    expect((await readFile(log, 'utf8')).trim().split('\n').map((line) => line.split(' ').slice(0, 2).join('/')).toSorted()).toEqual([`${destination.host}/m/blue/web`, `${destination.host}/m/tool`])
  })

  test('that fails fails that repository\'s images alone, with its words', async () => {
    await using destination = await startEmbeddedRegistry()
    const hook = join(folder, 'picky.sh')
    await writeFile(hook, '#!/bin/sh\ncase "$LONGSHORE_REPOSITORY" in */tool) echo "AccessDenied: not you, $AWS_SECRET_ACCESS_KEY" >&2; exit 254;; esac\n', { mode: 0o755 })
    const { code, stdout, stderr } = await run('migrate', await write(`onMissingRepository: { command: [${hook}] }`, ['blue/web:1', 'tool:1'], `${destination.host}/m`), harbor.admin, over(), { AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI' })
    expect(stdout, stderr).toContain('1 copied, 0 already there, 1 failed')
    expect(stdout + stderr).toContain(`${destination.host} has no repository m/tool, and onMissingRepository did not make it`)
    expect(stdout + stderr).toContain('ended with status 254: AccessDenied: not you, ***')
    expect(stdout + stderr).not.toContain('wJalrXUtnFEMI')
    expect(code).toBe(1)
    expect(destination.requests.filter(({ repository, method }) => repository === 'm/tool' && method !== 'GET')).toEqual([])
  })
})
