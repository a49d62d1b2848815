// Harbor as a source, by the command line: what an account that is no administrator sees through the API, what is chosen by labels and
// push times, and that signatures and SBOMs arrive: at a plain registry, at another Harbor, and there and back.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  artifact, assertIntact, cosignSignature, type DockerRegistry, type EmbeddedHarbor, image, type RedisServer, seed, startDockerRegistry, startEmbeddedHarbor, startRedis,
} from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, longshore } from './cli-process.ts'

interface Account { readonly name: string; readonly password: string }

let folder: string
let harbor: EmbeddedHarbor
let destination: DockerRegistry
let redis: RedisServer
let ann: Account
/** Between the pushes of what is old and what is new in team-a. */
let between: string
const basic = ({ name, password }: Account): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
const small = (name: string): ReturnType<typeof image> => image({ seed: name, layers: [200] })
const many = 120

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-harbor-source-'))
  ;[harbor, destination, redis] = await Promise.all([startEmbeddedHarbor(), startDockerRegistry(), startRedis()])
  ann = harbor.addUser('ann')
  for (const project of ['team-a', 'team-b', 'big']) harbor.addProject(project, { members: { ann: 'guest' } })
  harbor.addProject('secret')
  harbor.addProject('open', { public: true })
  const push = async (...names: readonly string[]): Promise<void> => {
    await seed(harbor.url, names.map((name) => ({ repository: name.split(':')[0] ?? '', tag: name.split(':')[1] ?? '', content: small(name) })), { authorization: basic(harbor.admin) })
  }
  await push('team-a/web:1.0', 'team-a/web:1.1', 'team-a/deep/er/app:1', 'team-b/db:1', 'secret/key:1', 'open/tool:1')
  const moment = Date.now() + 1
  while (Date.now() <= moment + 1) await new Promise((resolve) => { setTimeout(resolve, 1) })
  between = new Date(moment).toISOString()
  await push('team-a/web:2.0', 'team-a/deep/er/app:2')
  await seed(harbor.url, [
    ...Array.from({ length: many }, (_, n) => ({ repository: `big/r${n}`, tag: '1', content: small('the same') })),
    ...Array.from({ length: many }, (_, n) => ({ repository: 'big/many', tag: `v${n}`, content: small(`many ${n}`) })),
  ], { authorization: basic(harbor.admin) })
  for (const name of ['release', 'eu', 'long term']) await post('/labels', { name, scope: 'g' })
  await label('team-a', 'web', '1.1', 'release', 'eu')
  await label('team-a', 'web', '2.0', 'release')
  await label('team-a', 'deep/er/app', '2', 'long term')
}, 120_000)
afterAll(async () => {
  await Promise.all([harbor?.[Symbol.asyncDispose](), destination?.[Symbol.asyncDispose](), redis?.[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true })
})

async function api(path: string, init: RequestInit = {}, at = harbor): Promise<Response> {
  return await fetch(`${at.url}/api/v2.0${path}`, { ...init, headers: { authorization: basic(at.admin), 'content-type': 'application/json' } })
}
async function post(path: string, body: unknown): Promise<void> {
  const { status } = await api(path, { method: 'POST', body: JSON.stringify(body) })
  if (status > 299) throw new Error(`${path}: ${status}`)
}
async function label(project: string, repository: string, reference: string, ...names: readonly string[]): Promise<void> {
  const labels = await (await api('/labels?scope=g')).json() as ReadonlyArray<{ readonly id: number; readonly name: string }>
  for (const name of names) await post(`/projects/${project}/repositories/${encodeURIComponent(encodeURIComponent(repository))}/artifacts/${reference}/labels`, { id: labels.find((one) => one.name === name)?.id })
}

interface Run { readonly account?: Account; readonly from?: string; readonly to?: string; readonly flags?: readonly string[] }

/** `images` is what stands behind `images:`, an item a line. */
async function run(command: string, images: readonly string[], { account = ann, from = harbor.host, to = `${destination.host}/m`, flags = [] }: Run = {}): Promise<Finished> {
  const spec = join(folder, 'spec.yaml')
  await writeFile(spec, `version: 1\nfrom: ${from}\nto: ${to}\nimages:\n${images.map((one) => `  - ${one}\n`).join('')}`)
  const authfile = join(folder, 'auth.json')
  await writeFile(authfile, JSON.stringify({ auths: { [harbor.host]: { auth: Buffer.from(`${account.name}:${account.password}`).toString('base64') } } }))
  const done = await longshore([command, spec, '--src-tls-verify=false', '--dest-tls-verify=false', '--authfile', authfile, ...flags])
  expect(done.stdout + done.stderr).not.toContain(account.password)
  return done
}

/** What plan would move and what it leaves out, of an item. */
async function planned(item: string, more: Run = {}): Promise<{ readonly images: readonly string[]; readonly dropped: Readonly<Record<string, string>>; readonly code: number | null; readonly unlisted: readonly string[] }> {
  const { stdout, stderr, code } = await run('plan', [item], { ...more, flags: ['--json', ...more.flags ?? []] })
  if (stdout === '') throw new Error(stderr)
  const told = JSON.parse(stdout) as {
    readonly images: ReadonlyArray<{ readonly source: string }>; readonly dropped: ReadonlyArray<{ readonly repository: string; readonly tag: string; readonly reason: string }>
    readonly unlisted: ReadonlyArray<{ readonly error: { readonly message: string } }>
  }
  return {
    code, images: told.images.map(({ source }) => source.slice(harbor.host.length + 1)).toSorted(),
    dropped: Object.fromEntries(told.dropped.map(({ repository, tag, reason }) => [`${repository}:${tag}`, reason])), unlisted: told.unlisted.map(({ error }) => error.message),
  }
}

const teams = ['team-a/deep/er/app:1', 'team-a/deep/er/app:2', 'team-a/web:1.0', 'team-a/web:1.1', 'team-a/web:2.0', 'team-b/db:1']

describe('where the catalog is closed', () => {
  test('an item for a catalog works all the same, with what the account sees', async () => {
    harbor.clearRequests()
    const { stdout, code } = await run('migrate', ["repositories: { include: ['team-*/**', 'secret/**'], exclude: ['**/db'] }"])
    expect(stdout).toContain('5 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
    for (const name of teams.slice(0, 5)) {
      const [repository = '', tag = ''] = name.split(':')
      expect((await assertIntact(destination.url, `m/${repository}`, tag, { deep: true })).root).toBe(small(name).root.digest)
    }
    expect(harbor.requests.filter(({ kind }) => kind === 'catalog').map(({ status }) => status)).toEqual(expect.arrayContaining([401]))
    // Neither projects that it does not see or want, nor artifacts, which nothing asked of.
    expect(harbor.requests.filter(({ operation }) => operation === 'listRepositories').map(({ path }) => path.split('/')[4])).toEqual(['team-a', 'team-b'])
    expect(harbor.count({ operation: 'listArtifacts' })).toBe(0)
  })

  test('an administrator is shown the catalog, and the API is left alone', async () => {
    harbor.clearRequests()
    expect((await planned("repositories: { include: ['team-*/**'] }", { account: harbor.admin })).images).toEqual(teams)
    expect(harbor.count({ kind: 'api' })).toBe(0)
  })

  test('a stranger sees what is public', async () => {
    const { images, code } = await planned('harbor: {}', { flags: ['--src-no-creds'] })
    expect([images, code]).toEqual([['open/tool:1'], 0])
  })

  test('a wrong password is not taken for a stranger', async () => {
    for (const item of ['harbor: {}', 'repositories: {}']) {
      const { images, code, unlisted } = await planned(item, { account: { name: 'ann', password: 'Wrong-Password-1' } })
      expect([images, code]).toEqual([[], 1])
      expect(unlisted[0]).toMatch(/the account ann or its secret is not taken|UNAUTHORIZED/)
    }
  })

  test('over Redis: whoever leads expands', async () => {
    const { stdout, stderr, code } = await run('migrate', ["repositories: { include: ['team-b/**'] }", 'harbor: { projects: [team-a], labels: [eu], pushed: { newerThan: 1d } }'], { to: `${destination.host}/pool`, flags: ['--redis', redis.url, '--workers', '1'] })
    expect(stdout, stderr).toContain('2 copied')
    expect(code).toBe(0)
    await assertIntact(destination.url, 'pool/team-b/db', '1')
    await assertIntact(destination.url, 'pool/team-a/web', '1.1')
  })
})

describe('what is chosen', () => {
  test.each<readonly [string, readonly string[]]>([
    ["harbor: { projects: ['team-*'] }", teams], ["harbor: { projects: ['/a$/'] }\n    repositories: { exclude: ['**/web'] }", teams.slice(0, 2)], ['harbor: { labels: [eu] }', ['team-a/web:1.1']],
    ['harbor: { labels: [release, eu] }', ['team-a/web:1.1']], ["harbor: { labels: ['long term'] }\n    repositories: { include: ['team-a/**'] }", ['team-a/deep/er/app:2']],
    ["harbor: { projects: [team-a] }\n    tags: { latest: { count: 1, by: pushed } }", ['team-a/deep/er/app:2', 'team-a/web:2.0']],
    ["harbor: { projects: [team-a], labels: [release] }\n    tags: { semver: '<2' }", ['team-a/web:1.1']], ["name: team-a/web\n    harbor: { labels: [release] }\n    tags: ['1.0', '2.0']", ['team-a/web:2.0']],
  ])('%s', async (item, images) => { expect(await planned(item)).toMatchObject({ images, code: 0, unlisted: [] }) })

  test('push times, with the reason for each tag that is left out; below the prefix of "from"', async () => {
    const newer = await planned(`harbor: { pushed: { newerThan: ${between} } }`, { from: `${harbor.host}/team-a` })
    expect(newer.images).toEqual(['team-a/deep/er/app:2', 'team-a/web:2.0'])
    expect(Object.keys(newer.dropped).toSorted()).toEqual(['team-a/deep/er/app:1', 'team-a/web:1.0', 'team-a/web:1.1'])
    expect(newer.dropped['team-a/web:1.0']).toMatch(new RegExp(`^was pushed 20.*Z, not after ${between}$`))
    expect((await planned(`harbor: { projects: [team-a], pushed: { olderThan: ${between} } }`)).images).toEqual(['team-a/deep/er/app:1', 'team-a/web:1.0', 'team-a/web:1.1'])
    expect((await planned('harbor: { projects: [team-a], pushed: { newerThan: 1d } }')).images).toEqual(teams.slice(0, 5))
    expect((await planned('harbor: { projects: [team-a], labels: [eu] }')).dropped).toMatchObject({ 'team-a/web:2.0': 'lacks the label eu', 'team-a/deep/er/app:1': 'lacks the label eu' })
  })

  test('more than a page of repositories and of artifacts', async () => {
    harbor.clearRequests()
    const { images } = await planned('harbor: { projects: [big], pushed: { newerThan: 1d } }')
    expect(images).toHaveLength(2 * many)
    expect(new Set(images).size).toBe(2 * many)
    expect(harbor.count({ operation: 'listRepositories' })).toBe(2)
    // A request for 100 artifacts: one for each repository, and one more for the second page; the tag lists are for signatures.
    expect(harbor.count({ operation: 'listArtifacts' })).toBe(many + 2)
    expect(harbor.requests.filter(({ kind, path }) => kind === 'api' && path.includes('page=3'))).toEqual([])
  })
})

describe('robot accounts', () => {
  const needed = ['repository:list', 'artifact:list', 'repository:pull']

  test('of one project, with no more than is needed', async () => {
    const robot = harbor.addRobot('reader', { project: 'team-a', access: needed })
    expect(await planned("harbor: { projects: ['team-*'], labels: [release] }", { account: robot })).toMatchObject({ images: ['team-a/web:1.1', 'team-a/web:2.0'], code: 0 })
    const { stdout, code } = await run('migrate', ["repositories: { include: ['team-a/**'] }", 'harbor: { projects: [team-a], labels: [release] }'], { account: robot, to: `${destination.host}/robot` })
    expect(stdout).toContain('5 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
  })

  test.each([
    ['repository: list', 'repository:list', 'harbor: { projects: [team-a] }'], ['repository: list', 'repository:list', 'repositories: {}\n    from: HARBOR/team-a'],
    ['artifact: list', 'artifact:list', 'harbor: { projects: [team-a], labels: [release] }'],
  ])('the permission "%s" is named where it lacks', async (permission, without, item) => {
    const robot = harbor.addRobot(`without-${item.length}`, { project: 'team-a', access: needed.filter((one) => one !== without) })
    const { unlisted, images, code } = await planned(item.replace('HARBOR', harbor.host), { account: robot })
    expect([images, code]).toEqual([[], 1])
    for (const message of unlisted) expect(message).toContain(`${robot.name} needs the permission "${permission}" (of a robot account that covers this project, or a member of it)`)
    expect(unlisted.length).toBeGreaterThan(0)
  })

  test('a project that it may not see fails, the others go on', async () => {
    const robot = harbor.addRobot('two', { project: 'team-b', access: needed })
    const { images, code, unlisted } = await planned('harbor: { projects: [team-b, secret, no-such-project] }', { account: robot })
    expect([images, code]).toEqual([['team-b/db:1'], 1])
    expect(unlisted).toHaveLength(2)
    const among = await planned("harbor: { projects: ['team-*', no-such-project] }", { account: robot })
    expect([among.images, among.code, among.unlisted]).toEqual([['team-b/db:1'], 1, [expect.stringContaining('no-such-project')]])
  })
})

test('where no Harbor answers, the line that wants one is told', async () => {
  const { unlisted, code } = await planned('harbor: { labels: [x] }', { from: destination.host })
  expect(code).toBe(1)
  expect(unlisted).toEqual([expect.stringContaining(`${destination.host} does not answer as a Harbor does`)])
})

describe('accessories', () => {
  const subject = small('signed')
  const signature = cosignSignature(subject.root.digest)
  const sbom = artifact({ seed: 'sbom', artifactType: 'application/vnd.goharbor.harbor.sbom.v1', mediaType: 'application/vnd.goharbor.harbor.sbom.v1', size: 500, subject: subject.root })
  const notation = artifact({ seed: 'notation', artifactType: 'application/vnd.cncf.notary.signature', mediaType: 'application/jose+json', size: 300, subject: subject.root })
  const ofSbom = artifact({ seed: 'signature of the SBOM', artifactType: 'application/vnd.cncf.notary.signature', mediaType: 'application/jose+json', size: 300, subject: sbom.root })

  /** `digest type`, of what Harbor says hangs on an artifact. */
  async function accessoriesOf(at: EmbeddedHarbor, repository: string, digest: string): Promise<readonly string[]> {
    const found = await (await api(`/projects/signed/repositories/${repository}/artifacts/${digest}/accessories?page_size=100`, {}, at)).json() as ReadonlyArray<{ readonly digest: string; readonly type: string }>
    return found.map((one) => `${one.digest} ${one.type}`).toSorted()
  }
  const expected = [`${signature.content.root.digest} signature.cosign`, `${sbom.root.digest} sbom.harbor`, `${notation.root.digest} signature.notation`].toSorted()
  const copy = async (from: string, to: string, repository: string): Promise<void> => {
    const creds = `${harbor.admin.name}:${harbor.admin.password}`
    const { stdout, stderr, code } = await longshore(['migrate', '--from', from, '--to', to, '--src-tls-verify=false', '--dest-tls-verify=false', ...(from.startsWith(destination.host) ? [] : ['--src-creds', creds]), ...(to.startsWith(destination.host) ? [] : ['--dest-creds', creds]), '-'], { stdin: `${repository}:1\n` })
    expect(stdout, stderr).toContain('1 copied')
    expect(code, stderr).toBe(0)
  }

  beforeAll(async () => {
    harbor.addProject('signed')
    const put = async (content: ReturnType<typeof image>, tag?: string): Promise<void> => { await seed(harbor.url, [{ repository: 'signed/app', ...(tag === undefined ? {} : { tag }), content }], { authorization: basic(harbor.admin) }) }
    await put(subject, '1')
    await put(signature.content, signature.tag)
    for (const content of [sbom, notation, ofSbom]) await put(content)
    expect(await accessoriesOf(harbor, 'app', subject.root.digest)).toEqual(expected)
  })

  test('arrive at a plain registry as it keeps them, and by way of it, or straight, at another Harbor as they were', async () => {
    await using other = await startEmbeddedHarbor()
    other.addProject('signed')
    await copy(`${harbor.host}/signed`, `${destination.host}/signed`, 'app')
    const listed = await fetch(`${destination.url}/v2/signed/app/tags/list`).then(async (answer) => await answer.json() as { tags: string[] })
    const fallback = (digest: string): string => digest.replace(':', '-')
    expect(listed.tags.toSorted()).toEqual(['1', signature.tag, fallback(subject.root.digest), fallback(sbom.root.digest)].toSorted())
    expect((await assertIntact(destination.url, 'signed/app', signature.tag, { deep: true })).root).toBe(signature.content.root.digest)
    const list = await fetch(`${destination.url}/v2/signed/app/manifests/${fallback(subject.root.digest)}`, { headers: { accept: 'application/vnd.oci.image.index.v1+json' } }).then(async (answer) => await answer.json() as { manifests: ReadonlyArray<{ digest: string; size: number }> })
    // The cosign signature names no subject, so it is none of this list's.
    expect(list.manifests.map(({ digest, size }) => `${digest} ${size}`).toSorted()).toEqual([sbom, notation].map(({ root }) => `${root.digest} ${root.bytes.length}`).toSorted())
    for (const { root } of [sbom, notation, ofSbom]) expect((await assertIntact(destination.url, 'signed/app', root.digest, { deep: true })).root).toBe(root.digest)

    await copy(`${destination.host}/signed`, `${other.host}/signed`, 'app')
    await copy(`${harbor.host}/signed`, `${other.host}/signed/straight`, 'app')
    for (const repository of ['app', 'straight%252Fapp']) {
      expect(await accessoriesOf(other, repository, subject.root.digest)).toEqual(expected)
      expect(await accessoriesOf(other, repository, sbom.root.digest)).toEqual([`${ofSbom.root.digest} signature.notation`])
    }
  })

  test('travel with what a label chose, though no tag rule ever names them', async () => {
    await label('signed', 'app', '1', 'release')
    const robot = harbor.addRobot('signed-reader', { project: 'signed', access: ['repository:list', 'artifact:list', 'repository:pull'] })
    const { stdout, code } = await run('migrate', ['harbor: { projects: [signed], labels: [release] }'], { account: robot, to: `${destination.host}/labelled` })
    expect(stdout).toContain('1 copied')
    expect(code).toBe(0)
    for (const reference of [signature.tag, sbom.root.digest, notation.root.digest, ofSbom.root.digest]) await assertIntact(destination.url, 'labelled/signed/app', reference)
    const verified = await run('verify', ['harbor: { projects: [signed], labels: [release] }'], { account: robot, to: `${destination.host}/labelled` })
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
  })
})
