// A cutover as a person drives it: at a coordinator, over Redis from a laptop, and in one process that listens to its registry.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cutoverReportSchema } from '@longshore/cutover/schema'
import { type EmbeddedRegistry, freePort, image, seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, longshore, type Running } from './cli-process.ts'

const token = 'an-end-to-end-token'
const secret = 'an-end-to-end-secret'
const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'] as const
let folder: string
let source: EmbeddedRegistry
let destination: EmbeddedRegistry
let stack: AsyncDisposableStack
const file = (name: string): string => join(folder, name)

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  folder = await mkdtemp(join(tmpdir(), 'longshore-cutover-'))
  source = stack.use(await startEmbeddedRegistry())
  destination = stack.use(await startEmbeddedRegistry())
  await seed(source.url, Array.from({ length: 6 }, (_, i) => ({ repository: `team/app${i}`, tag: '1', content: image({ seed: `cutover ${i}`, layers: [4_000] }) })))
  await writeFile(file('token'), `${token}\n`)
})
afterAll(async () => {
  await stack.disposeAsync()
  await rm(folder, { recursive: true, force: true })
})

async function specFile(name: string, prefix: string, repositories: readonly string[], cutover: object): Promise<string> {
  await writeFile(file(name), JSON.stringify({ version: 1, from: source.host, to: `${destination.host}/${prefix}`, images: repositories.map((repository) => ({ name: repository })), cutover }))
  return file(name)
}

async function push(repository: string, tag: string): Promise<string> {
  const content = image({ seed: `${repository} ${tag} later`, layers: [2_000] })
  await seed(source.url, [{ repository, tag, content }])
  return content.root.digest
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; !await holds();) {
    if (performance.now() > end) throw new Error(`it did not come to be: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
}

async function notify(url: string, repository: string, tag: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/vnd.docker.distribution.events.v1+json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ events: [{ action: 'push', target: { repository, tag, mediaType: 'application/vnd.oci.image.manifest.v1+json' } }] }),
  })
  expect(answer.status).toBe(202)
}

describe('at a coordinator', () => {
  let server: string
  const services: Running[] = []
  beforeAll(async () => {
    const redis = stack.use(await startRedis())
    for (const [command, env] of [['coordinator', { LONGSHORE_NOTIFICATION_SECRET: secret }], ['worker', {}]] as const) {
      const url = `http://127.0.0.1:${await freePort()}`
      services.push(launch([command, '--redis', redis.url, '--listen', new URL(url).host, '--src-no-creds', '--dest-no-creds'], { env: { LONGSHORE_TOKEN: token, ...env } }))
      await until(`${command} is ready`, async () => await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false))
      if (command === 'coordinator') server = url
    }
  })
  afterAll(async () => {
    for (const one of services) one.kill('SIGTERM')
    for (const { code, stdout, stderr } of await Promise.all(services.map(async ({ finished }) => await finished))) {
      expect({ code, stderr, leaks: stdout.includes(token) || stdout.includes(secret) }).toEqual({ code: 0, stderr: '', leaks: false })
    }
  })
  const at = (...args: readonly string[]): readonly string[] => ['cutover', ...args, '--server', server, '--token-file', file('token')]

  test('one looks on, another one asks, and it comes to go', { timeout: 120_000 }, async () => {
    const spec = await specFile('server.yaml', 'server', ['team/app0', 'team/app1'], { delta: { every: '1h', events: { coalesce: '100ms' } } })
    const command = [...at(spec, '--name', 'the day', '--report', file('server.json'), '--report-md', file('server.md')), ...insecure]
    const running = launch(command)
    await running.saw(/cutover (\w+) begins; the coordinator leads it/)
    await running.saw(/phase deltas/)
    const status = await longshore(at('status', '--json'))
    const { id, ...stands } = JSON.parse(status.stdout) as { readonly id: string }
    expect(stands).toMatchObject({ phase: 'delta', options: { name: 'the day' }, waitingChanges: 0, holder: expect.any(String), moved: { copied: 2 } })
    expect((await longshore(at('status', id.slice(0, 6)))).stdout).toMatch(/^cutover +\w+, the day\nphase +delta since[^]*run by +\S+\n[^]*pass 1 \(bulk\): 2 images, 2 copied/)

    const told = await push('team/app0', 'told')
    await notify(`${server}/api/v1/cutovers/${id}/notifications?registry=${source.host}`, 'team/app0', 'told')
    await running.saw(/pass 2 \(events\): 1 image, 1 copied/)
    expect(destination.tag('server/team/app0', 'told')).toBe(told)

    const late = await push('team/app1', 'late')
    const frozen = await longshore(at('freeze', id))
    expect(frozen).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\w+: the freeze is asked for; \S+ takes it up within a second\n$/) })
    const { code, stdout } = await running.finished
    expect(stdout).toMatch(/answer +GO\n/)
    expect(code).toBe(0)
    expect(destination.tag('server/team/app1', 'late')).toBe(late)
    const report = cutoverReportSchema.parse(JSON.parse(await readFile(file('server.json'), 'utf8')))
    expect(report).toMatchObject({ id, verdict: 'go', name: 'the day' })
    expect(await readFile(file('server.md'), 'utf8')).toMatch(/^# /)
    expect((await longshore(at('report', id))).stdout).toMatch(/^# /)

    const again = await longshore(command)
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(id), stderr: expect.stringContaining('was a go; nothing is moved') })
    expect(await longshore(at('unfreeze', id))).toMatchObject({ code: 2, stderr: expect.stringMatching(/unfreeze of cutover/) })
  })

  test('an image that cannot be moved makes it no-go; mended, the same command tries again', { timeout: 120_000 }, async () => {
    const spec = await specFile('broken.yaml', 'broken', ['team/app2'], { delta: { every: '1h' } })
    destination.fail({ match: { kind: 'manifest-put' }, times: Infinity, how: { kind: 'status', status: 400, body: '{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}' } })
    const first = launch([...at(spec), ...insecure])
    await first.saw(/phase deltas/)
    expect((await longshore(at('freeze'))).code).toBe(0)
    const ended = await first.finished
    expect(ended.code).toBe(1)
    expect(ended.stdout).toMatch(/answer +NO-GO[^]*NOT {2}missing/)
    destination.clearFaults()
    const second = await longshore([...at(spec), ...insecure])
    expect(second.stderr).toContain('it was a no-go')
    expect(second.stdout).toMatch(/answer +GO\n/)
    expect(second.code).toBe(0)
  })

  test.each<[string, readonly string[], RegExp]>([
    ['an id that is none', ['freeze', 'no-such'], /there is no cutover no-such at http/],
    ['a spec in place of an id', ['freeze', 'rules.yaml'], /"rules\.yaml" is no id of a cutover/],
    ['a folder', ['status', '--state', '/tmp/x'], /--state is for a cutover of one process/],
    ['two places', ['status', '--redis', 'redis://127.0.0.1'], /--server and --redis name two places/],
  ])('%s is refused', async (_, args, says) => { expect(await longshore(at(...args))).toMatchObject({ code: 2, stderr: expect.stringMatching(says) }) })
})

test('over Redis, with workers of its own; Ctrl-C leaves it, and the same command goes on', { timeout: 120_000 }, async () => {
  await using redis = await startRedis()
  const spec = await specFile('redis.yaml', 'redis', ['team/app3'], { delta: { every: '1s' } })
  const args = ['cutover', spec, '--redis', redis.url, '--workers', '1', ...insecure]
  const first = launch(args)
  await first.saw(/phase deltas/)
  first.kill('SIGINT')
  expect((await first.finished).code).toBe(130)
  const late = await push('team/app3', 'late')
  const second = launch(args)
  await second.saw(/going on with cutover \w+, at delta/)
  await until('the delta', () => destination.tag('redis/team/app3', 'late') === late)
  expect((await longshore(['cutover', 'freeze', '--redis', redis.url])).code).toBe(0)
  const { code, stdout } = await second.finished
  expect(stdout).toMatch(/answer +GO\n/)
  expect(code).toBe(0)
  expect((await longshore(['cutover', 'status', '--redis', redis.url])).stdout).toMatch(/phase +go/)
  expect((await longshore(['cutover', 'report', '--redis', redis.url])).stdout).toMatch(/^# /)
})

describe('in one process', () => {
  test('a registry tells it what has changed', { timeout: 60_000 }, async () => {
    const spec = await specFile('listen.yaml', 'listen', ['team/app4'], { delta: { every: '1h', events: { coalesce: '100ms' } } })
    const listen = `127.0.0.1:${await freePort()}`
    const running = launch(['cutover', spec, '--listen', listen, ...insecure], { env: { LONGSHORE_NOTIFICATION_SECRET: secret } })
    await running.saw(/registries tell what has changed at http/)
    await running.saw(/phase deltas/)
    const { id } = JSON.parse((await longshore(['cutover', 'status', spec, '--json'])).stdout) as { readonly id: string }
    const told = await push('team/app4', 'told')
    await notify(`http://${listen}/api/v1/cutovers/${id}/notifications`, 'team/app4', 'told')
    await running.saw(/\(events\): 1 image, 1 copied/)
    expect(destination.tag('listen/team/app4', 'told')).toBe(told)
    expect((await fetch(`http://${listen}/api/v1/cutovers/${id}/notifications`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })).status).toBe(401)
    expect((await longshore(['cutover', 'abort', spec])).code).toBe(0)
    expect((await running.finished).code).toBe(1)
  })

  test.each<[string, readonly string[], Readonly<Record<string, string>>, RegExp]>([
    ['without a secret', ['--listen', '127.0.0.1:0'], {}, /--listen: whoever reaches it could have images moved: set LONGSHORE_NOTIFICATION_SECRET/],
    ['with an address that is none', ['--listen', 'here'], { LONGSHORE_NOTIFICATION_SECRET: secret }, /--listen: "here" is no address/],
    ['with --server', ['--listen', '127.0.0.1:0', '--server', 'http://127.0.0.1:1'], {}, /--listen is for a cutover of one process/],
  ])('it does not listen %s', async (_, args, env, says) => {
    const spec = await specFile('refused.yaml', 'refused', ['team/app5'], { delta: { events: true } })
    expect(await longshore(['cutover', spec, ...args, ...insecure], { env })).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
    expect(destination.tag('refused/team/app5', '1')).toBeUndefined()
  })
})
