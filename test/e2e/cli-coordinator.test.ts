// A coordinator and a worker as processes of their own, and a person who talks to them from somewhere else.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportSchema } from '@longshore/report/schema'
import { freePort, type EmbeddedRegistry, image, type RedisServer, seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, launch, longshore, type Running } from './cli-process.ts'

const token = 'an-end-to-end-token'
/** A dozen processes, one after the other. */
const slowMs = 120_000
let folder: string
let redis: RedisServer
let source: EmbeddedRegistry
let destination: EmbeddedRegistry
let server: string
const services: Running[] = []
const file = (name: string): string => join(folder, name)

/** Starts one and waits until it is ready; its output is on stdout, so it is asked over HTTP. */
async function start(command: 'worker' | 'coordinator', args: readonly string[] = [], env: Readonly<Record<string, string>> = {}, port?: number): Promise<{ readonly running: Running; readonly url: string }> {
  port ??= await freePort()
  const url = `http://127.0.0.1:${port}`
  const running = launch([command, '--redis', redis.url, '--listen', `127.0.0.1:${port}`, '--src-no-creds', '--dest-no-creds', ...args], { env: { LONGSHORE_TOKEN: token, ...env } })
  services.push(running)
  for (let i = 0; !await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false); i++) {
    if (i > 400) throw new Error(`${command} did not become ready`)
    await new Promise((resolve) => { setTimeout(resolve, 25) })
  }
  return { running, url }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-coordinator-'))
  ;[redis, source, destination] = await Promise.all([startRedis(), startEmbeddedRegistry(), startEmbeddedRegistry()])
  await seed(source.url, Array.from({ length: 12 }, (_, i) => ({ repository: `team/app${i}`, tag: '1', content: image({ seed: `e2e ${i}`, layers: [4_000, 5_000 + i] }) })))
  await writeFile(file('token'), `${token}\n`)
  ;({ url: server } = await start('coordinator'))
  await start('worker')
})
afterAll(async () => {
  for (const one of services) one.kill('SIGTERM')
  const ended = await Promise.all(services.map(({ finished }) => finished))
  await Promise.all([redis, source, destination].map((one) => one[Symbol.asyncDispose]()))
  await rm(folder, { recursive: true, force: true })
  // Each of them ended well, and told nobody the token.
  for (const { code, stdout, stderr } of ended) expect({ code, stderr, leaks: stdout.includes(token) }).toEqual({ code: 0, stderr: '', leaks: false })
})

const remote = async (args: readonly string[], stdin = ''): Promise<Finished> => longshore(args, { stdin, env: { LONGSHORE_SERVER: server, LONGSHORE_TOKEN_FILE: file('token') } })
const places = (): readonly string[] => ['--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false']
/** Blobs of the source are held back. */
function hold(): Disposable {
  const held = Promise.withResolvers<void>()
  const letGo = source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await held.promise })
  return { [Symbol.dispose]: () => { letGo(); held.resolve() } }
}

describe('submit', () => {
  test('prints the id, and nothing else, on stdout', async () => {
    const { code, stdout, stderr } = await remote(['submit', '-', ...places(), '--name', 'by hand'], 'team/app0:1\n')
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(/^[a-z0-9]{10}\n$/), stderr: expect.stringContaining('longshore watch') })
    const status = await remote(['status', stdout.trim().slice(0, 6)])
    expect(status.stdout).toMatch(new RegExp(`^migration {2}${stdout.trim()}, by hand\nstate`))
  })

  test('--watch shows its images and ends as migrate does', async () => {
    await writeFile(file('a.txt'), 'team/app1:1\nteam/app2:1\n')
    await writeFile(file('b.yaml'), 'version: 1\nimages: ["team/app3:1"]\n')
    const { code, stdout, stderr } = await remote(['submit', file('a.txt'), file('b.yaml'), ...places(), '--watch'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/3\/3 .* -> .* copied/)
    expect(stdout).toMatch(/^images {5}3 copied, 0 already there, 0 failed\n/)
    expect(stdout).toMatch(/requests {3}\d+ to .* \(source\)/)
    expect(destination.tag('team/app3', '1')).toBe(source.tag('team/app3', '1'))
  })

  test('a failure is told with its cure, and is exit code 1', async () => {
    const { code, stdout, stderr } = await remote(['submit', '-', ...places(), '--watch'], 'team/app1:1\nteam/none:1\n')
    expect(code).toBe(1)
    expect(stderr).toContain('FAILED')
    expect(stdout).toMatch(/failed:\n[^]*team\/none:1[^]*check the name[^]*1 already there, 1 failed/)
  })

  test('--json prints events and a summary', async () => {
    const { code, stdout, stderr } = await remote(['submit', '-', ...places(), '--watch', '--json'], 'team/app4:1\n')
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(lines.map(({ type }) => type)).toEqual(expect.arrayContaining(['found', 'resolved', 'blob', 'done', 'summary']))
    expect(lines.find(({ type }) => type === 'done')).toMatchObject({ source: `${source.host}/team/app4:1`, destination: `${destination.host}/team/app4:1`, outcome: 'copied' })
    expect(lines.at(-1)).toMatchObject({ type: 'summary', images: { found: 1, copied: 1 }, stopped: false })
  })

  test('tells what is wrong with the files before anything is sent', async () => {
    const { code, stderr, stdout } = await longshore(['submit', '-', ...places()], { stdin: 'ok/app:1\nRedis:7\n', env: { LONGSHORE_SERVER: 'http://127.0.0.1:1' } })
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/stdin:2:1: /) })
  })

  test('of nothing is nothing to do', async () => {
    expect(await remote(['submit', '-', ...places()], '# nothing\n')).toEqual({ code: 0, stdout: '', stderr: 'nothing to do: stdin names no images\n' })
  })
})

describe('steering', () => {
  test('pause, resume, watch, cancel and status; Ctrl-C ends the watching alone', async () => {
    using held = hold()
    const { stdout } = await remote(['submit', '-', ...places()], 'team/app5:1\nteam/app6:1\n')
    const id = stdout.trim()
    expect(await remote(['pause', id])).toMatchObject({ code: 0, stdout: expect.stringContaining(`${id} is paused`) })
    const watching = launch(['watch', id, '--server', server, '--token-file', file('token')])
    await watching.saw(/is paused: longshore resume/)
    watching.kill('SIGINT')
    expect(await watching.finished).toMatchObject({ code: 130, stderr: expect.stringContaining('goes on without being watched'), stdout: '' })
    expect((await remote(['status'])).stdout).toMatch(new RegExp(`^ID +STATE +IMAGES[^]*${id} +paused +0/`))
    expect(await remote(['resume', id.slice(0, 7)])).toMatchObject({ code: 0, stdout: `${id} is running\n` })
    held[Symbol.dispose]()
    expect(await remote(['watch', id])).toMatchObject({ code: 0, stdout: expect.stringContaining('2 copied') })
    expect(await remote(['pause', id])).toMatchObject({ code: 2, stderr: expect.stringContaining('is complete: only a running migration can be paused') })
  }, slowMs)

  test('cancel ends it; what follows says so', async () => {
    using _held = hold()
    const { stdout } = await remote(['submit', '-', ...places()], 'team/app7:1\n')
    const id = stdout.trim()
    const watching = launch(['watch', id, '--server', server, '--token-file', file('token')])
    expect(await remote(['cancel', id])).toMatchObject({ code: 0, stdout: expect.stringContaining(`${id} is cancelled`) })
    expect(await watching.finished).toMatchObject({ code: 1, stdout: expect.stringContaining('(stopped)') })
    expect(await remote(['retry', id])).toMatchObject({ code: 2, stderr: expect.stringContaining('submit the same spec again') })
  })

  test('retry tries failed images again', async () => {
    const { stdout } = await remote(['submit', '-', ...places(), '--watch', '--json'], 'team/late:1\n')
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ images: { failed: 1 } })
    const { migrations: [latest] } = JSON.parse((await remote(['status', '--json'])).stdout) as { migrations: Array<{ id: string }> }
    await seed(source.url, [{ repository: 'team/late', tag: '1', content: image({ seed: 'late', layers: [100] }) }])
    expect(await remote(['retry', latest!.id])).toMatchObject({ code: 0, stdout: expect.stringContaining('1 failed image is tried again') })
    expect(await remote(['watch', latest!.id])).toMatchObject({ code: 0, stdout: expect.stringContaining('1 copied') })
  })
})

describe('a command that leads by itself, when somebody steers it from elsewhere', () => {
  const led = (command: string, list: string, ...more: readonly string[]): Running => launch([command, '-', ...places(), '--redis', redis.url, ...more], { stdin: list })
  /** Those that are not at their end, the newest first; waits for so many. */
  async function active(count: number): Promise<readonly string[]> {
    for (let i = 0; i < 200; i++) {
      const { migrations } = JSON.parse((await remote(['status', '--json'])).stdout) as { migrations: Array<{ id: string; ended?: string; images: { found: number } }> }
      const ids = migrations.filter(({ ended, images }) => ended === undefined && images.found > 0).map(({ id }) => id)
      if (ids.length === count) return ids
    }
    throw new Error(`there were never ${count} of them`)
  }

  test('says that it is paused, and that it was cancelled', async () => {
    using _held = hold()
    const running = led('migrate', 'team/app11:1\n')
    const [id = ''] = await active(1)
    await remote(['pause', id])
    await running.saw(new RegExp(`migration ${id} is paused: longshore resume ${id}`))
    await remote(['cancel', id])
    expect(await running.finished).toMatchObject({ code: 1, stdout: expect.stringContaining('(stopped)'), stderr: expect.stringContaining(`migration ${id} was cancelled; the same command goes on from here`) })
  }, slowMs)

  test('a verification that was cut off proves nothing; another one of the same at the same time is whole', async () => {
    const list = 'team/app0:1\nteam/app1:1\n'
    expect((await remote(['submit', '-', ...places(), '--watch'], list)).code).toBe(0)
    const held = Promise.withResolvers<void>()
    const letGo = destination.onRequest(async ({ kind, repository }) => { if (kind === 'blob-get' && repository === 'team/app1') await held.promise })
    const first = led('verify', list, '--deep')
    const [id = ''] = await active(1)
    const second = led('verify', list, '--deep')
    await active(2)
    await remote(['cancel', id])
    expect(await first.finished).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('ended by somebody else before every image was looked at') })
    letGo()
    held.resolve()
    expect(await second.finished).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 are as they should be') })
  }, slowMs)
})

test('report prints the report or the failed list, to stdout or to a file', async () => {
  const { stdout } = await remote(['submit', '-', ...places(), '--watch', '--json'], 'team/app8:1\nteam/none:2\n')
  expect(stdout).toContain('"failed":1')
  const { migrations: [latest] } = JSON.parse((await remote(['status', '--json'])).stdout) as { migrations: Array<{ id: string }> }
  const report = await remote(['report', latest!.id])
  expect(reportSchema.parse(JSON.parse(report.stdout))).toMatchObject({ outcome: 'failed', totals: { images: { copied: 1, failed: 1 } } })
  expect(await remote(['report', latest!.id, '--failed', '-o', file('failed.txt')])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await readFile(file('failed.txt'), 'utf8')).toContain(`${source.host}/team/none:2 ${destination.host}/team/none:2 # IMAGE_NOT_FOUND`)
})

test('a watcher comes back by itself when the coordinator does', async () => {
  const port = await freePort()
  const { running: first, url } = await start('coordinator', [], {}, port)
  using held = hold()
  const { stdout } = await remote(['submit', '-', ...places()], 'team/app9:1\nteam/app10:1\n')
  const id = stdout.trim()
  await remote(['pause', id])
  const watching = launch(['watch', id, '--server', url], { env: { LONGSHORE_TOKEN: token } })
  await watching.saw(/is paused/)
  first.kill('SIGKILL')
  services.splice(services.indexOf(first), 1)
  await watching.saw(/out of reach; the migration goes on/)
  await start('coordinator', [], {}, port)
  await watching.saw(/is there again/)
  held[Symbol.dispose]()
  await remote(['resume', id])
  expect(await watching.finished).toMatchObject({ code: 0, stdout: expect.stringContaining('2 copied') })
}, slowMs)

describe('what goes wrong on the way is said, with what to do', () => {
  let web: ReturnType<typeof createServer>
  let webUrl: string
  let unused: number
  let redirecting: ReturnType<typeof createServer>
  let redirectingUrl: string
  const open = async (one: ReturnType<typeof createServer>): Promise<string> => {
    await new Promise<void>((resolve) => { one.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${(one.address() as AddressInfo).port}`
  }
  beforeAll(async () => {
    web = createServer((_, answer) => { answer.setHeader('content-type', 'text/html').end('<html>hello</html>') })
    redirecting = createServer((_, answer) => { answer.writeHead(301, { location: 'https://elsewhere.example.com/api' }).end() })
    webUrl = await open(web)
    unused = await freePort()
    redirectingUrl = await open(redirecting)
  })
  afterAll(() => { web.close(); redirecting.close() })

  test.each<[what: string, args: () => readonly string[], env: () => Readonly<Record<string, string>>, says: RegExp]>([
    ['no server', () => ['status'], () => ({}), /which coordinator\? Give --server URL, or set LONGSHORE_SERVER/],
    ['a server that is no URL', () => ['status', '--server', 'ftp://x'], () => ({}), /--server is not a URL/],
    ['a password in the URL', () => ['status', '--server', 'http://u:hunter2@x'], () => ({}), /--server holds a user or a password/],
    ['nobody there', () => ['status', '--server', `http://127.0.0.1:${unused}`], () => ({}), /http:\/\/127\.0\.0\.1:\d+: nothing listens there \(ECONNREFUSED\); check --server/],
    ['a port that is none for HTTP', () => ['status', '--server', 'http://127.0.0.1:1'], () => ({}), /this port is none for HTTP/],
    ['no such host', () => ['status', '--server', 'http://none.invalid'], () => ({}), /the host is not known/],
    ['a web page', () => ['status', '--server', webUrl], () => ({}), /is no Longshore coordinator/],
    ['a redirect', () => ['status', '--server', redirectingUrl], () => ({}), /sends on to https:\/\/elsewhere\.example\.com/],
    ['a registry', () => ['status', '--server', source.url], () => ({}), /is no Longshore coordinator/],
    ['TLS where there is none', () => ['status', '--server', server.replace('http:', 'https:')], () => ({}), /speaks plain HTTP where TLS was expected/],
    ['no token', () => ['status', '--server', server], () => ({}), /wants a token: give the coordinator's with --token-file/],
    ['another token', () => ['status', '--server', server], () => ({ LONGSHORE_TOKEN: 'hunter2' }), /wants another token/],
    ['a token file that is not there', () => ['status', '--server', server, '--token-file', file('none')], () => ({}), /--token-file .*none cannot be read \(ENOENT\)/],
    ['a migration that is not there', () => ['status', 'zzz', '--server', server], () => ({ LONGSHORE_TOKEN: token }), /there is no migration zzz/],
    ['an id that is none', () => ['cancel', '../x', '--server', server], () => ({ LONGSHORE_TOKEN: token }), /is no id of a migration/],
    ['the beginning of several', () => ['watch', '', '--server', server], () => ({ LONGSHORE_TOKEN: token }), /is no id of a migration/],
    ['credentials in a spec', () => ['submit', file('creds.yaml'), '--server', server], () => ({ LONGSHORE_TOKEN: token }), /creds\.yaml:3:1: .*password/],
    ['a coordinator without a token', () => ['coordinator', '--redis', redis.url], () => ({}), /without a token.*openssl rand -hex 32/],
    ['a worker without a Redis', () => ['worker'], () => ({}), /which Redis\? Give --redis URL/],
    ['an address that is taken', () => ['worker', '--redis', redis.url, '--listen', new URL(server).host], () => ({}), /something listens there already/],
    ['an address that is none', () => ['worker', '--redis', redis.url, '--listen', '8080'], () => ({}), /^longshore: --listen: "8080" is no address/m],
    ['a number that is none', () => ['worker', '--redis', redis.url, '--blobs', 'many'], () => ({}), /--blobs: "many": give a whole number/],
    ['a Redis URL that is none', () => ['worker', '--redis', 'http://x:hunter2@y'], () => ({}), /the Redis URL is not valid/],
  ])('%s', async (_, args, env, says) => {
    await writeFile(file('creds.yaml'), 'version: 1\nto: r.example.com\npassword: hunter2\nimages: [a:1]\n')
    const { code, stdout, stderr } = await longshore(args(), { env: env() })
    expect(stderr).toMatch(says)
    expect(stderr).not.toMatch(/^\s+at .*\.ts/m)
    expect(stdout + stderr).not.toContain('hunter2')
    expect([code, stdout]).toEqual([2, ''])
  })
})

test('a worker says nothing of itself to those without the token', async () => {
  const { url } = await start('worker', ['--log-level', 'debug'], { LONGSHORE_METRICS_TOKEN: 'scraper' })
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  expect((await fetch(`${url}/metrics`)).status).toBe(401)
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer scraper' } })).text()
  expect(text).toContain('longshore_redis_up 1')
  expect(text).toContain('longshore_in_flight{kind="blob"} 0')
})
