// P6: whatever secret a pool uses is found nowhere: not in Redis (what it keeps, and every command that it is sent), not in logs and outputs, answers
// of the API, reports and metrics, nor in what everybody on the machine may see of a process. Failures are part of it: their messages travel far.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisClient } from '@longshore/redis'
import { type Corpus, type EmbeddedRegistry, image, startBlobHost, startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { launch } from '../e2e/cli-process.ts'
import { apiToken, listOf, startStand, until } from './pool.fixture.ts'

const words = {
  source: 'S0urce-Passw0rd', destination: 'Dest1nation-Passw0rd', wrong: 'Wr0ng-Passw0rd', flag: 'Fl4g-Passw0rd', redis: 'Red1s-Passw0rd', metrics: 'Metr1cs-Token', signature: 'S1gnature-of-a-url', api: apiToken,
} as const
const make = (name: string, count: number): Corpus => Array.from({ length: count }, (_, i) => ({ repository: `${name}/app${i}`, tag: 'v1', content: image({ seed: `${name} ${i}`, layers: [30_000 + i, 4_000 + i] }) }))

function plant(registry: EmbeddedRegistry, corpus: Corpus): void {
  for (const { repository, tag, content } of corpus) {
    for (const blob of content.blobs.values()) registry.putBlob(repository, blob.chunks())
    for (const manifest of content.manifests) registry.putManifest(repository, manifest.bytes, manifest.mediaType, manifest === content.root ? tag : undefined)
  }
}

test('no secret that is used is found anywhere', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-secrets-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const blobHost = stack.use(await startBlobHost())
  const signatures: string[] = [words.signature]
  const corpus = make('open', 12)
  const [bad] = [...corpus[7]?.content.blobs.values() ?? []].filter(({ size }) => size === 30_007)
  const source = stack.use(await startEmbeddedRegistry({
    auth: { kind: 'bearer', tokenTtlMs: 3_000, users: { mover: { password: words.source, grant: (repository, actions) => (repository.startsWith('closed/') ? [] : actions) }, flagged: words.flag } },
    // Blobs are elsewhere, at signed URLs; one signature is not good.
    blobRedirect: {
      ...blobHost,
      sign(blob) {
        const url = new URL(blobHost.sign(blob))
        if (blob.size === bad?.size) url.searchParams.set('signature', words.signature)
        signatures.push(url.searchParams.get('signature') ?? '')
        return url.href
      },
    },
  }))
  const destination = stack.use(await startEmbeddedRegistry({ auth: { kind: 'basic', users: { writer: words.destination } } }))
  const locked = stack.use(await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { writer: 'another' } } }))
  plant(source, [...corpus, ...make('closed', 2), ...make('flag', 3)])
  const basic = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString('base64')
  const encoded = [basic('mover', words.source), basic('writer', words.destination), basic('writer', words.wrong), basic('flagged', words.flag)]
  const authfile = join(folder, 'auth.json')
  await writeFile(authfile, JSON.stringify({ auths: {
    [source.host]: { auth: encoded[0] }, [destination.host]: { auth: encoded[1] }, [locked.host]: { auth: encoded[2] },
  } }), { mode: 0o600 })
  const stand = stack.use(await startStand({
    workers: 2, redis: { password: words.redis },
    env: { REGISTRY_AUTH_FILE: authfile, LONGSHORE_LOG_LEVEL: 'debug', LONGSHORE_METRICS_OPEN: 'false', LONGSHORE_METRICS_TOKEN: words.metrics },
  }))
  // Everything that Redis is told, by whomever, from now on; what scripts do included.
  const monitor = spawn('redis-cli', ['-p', String(stand.redis.port), 'MONITOR'], { env: { PATH: process.env['PATH'], REDISCLI_AUTH: words.redis }, stdio: ['ignore', 'pipe', 'ignore'] })
  stack.defer(() => { monitor.kill('SIGKILL') })
  const told: string[] = []
  monitor.stdout.setEncoding('utf8').on('data', (text: string) => { told.push(text) })
  await once(monitor.stdout, 'data')

  const found = new Map<string, string>()
  const ids = [
    await stand.submit(listOf([...corpus, ...make('closed', 2)]), source.host, destination.host),
    await stand.submit(listOf(corpus.slice(0, 3)), source.host, locked.host),
  ]
  // A registry's tokens come and go; whoever leads and whoever works shows all that he has.
  await until('some images', async () => ((await stand.store.status(ids[0] ?? ''))?.counts.copied ?? 0) > 2)
  found.set('redis, in the midst of it', await dump(stand.client))
  await Promise.all(ids.map((id) => stand.ended(id)))

  // By hand, with workers of one's own: they get secrets from their parent alone.
  const [report, failed] = [join(folder, 'report.json'), join(folder, 'failed.txt')]
  const list = join(folder, 'list.txt')
  await writeFile(list, listOf(make('flag', 3)))
  let slow = true
  source.onRequest(async ({ kind, repository = '' }) => { if (kind === 'blob-get' && repository.startsWith('flag/')) await until('a look at the processes', () => !slow) })
  const run = launch(['migrate', list, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', stand.redis.url, '--workers', '2',
    '--src-creds', `flagged:${words.flag}`, '--debug', '--report', report, '--failed', failed], { env: { LONGSHORE_REDIS_PASSWORD: words.redis, REGISTRY_AUTH_FILE: authfile } })
  await until('reads', () => source.requests.some(({ kind, repository = '' }) => kind === 'blob-get' && repository.startsWith('flag/')))
  const children = childrenOf(run.pid)
  const titles = [...children, ...[stand.coordinator, ...stand.workers].map(({ pid }) => pid)].map((pid) => ['cmdline', 'comm', 'status'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' ')).join('\n'))
  slow = false
  const { stdout, stderr, code } = await run.finished

  found.set('outputs of migrate', stdout + stderr)
  found.set('its report', await readFile(report, 'utf8'))
  found.set('its list of failures', await readFile(failed, 'utf8'))
  found.set('processes', titles.join('\n'))
  found.set('logs', stand.services.all.map(({ output }) => output()).join('\n'))
  found.set('redis', await dump(stand.client))
  found.set('clients of redis', String(await stand.client.call('CLIENT', 'LIST')))
  found.set('commands', told.join(''))
  for (const path of ['/migrations', '/workers', '/openapi.json', ...ids.flatMap((id) => ['', '/images', '/report', '/failed', '/events'].map((rest) => `/migrations/${id}${rest}`))]) {
    const answer = await stand.ask(path)
    found.set(path, JSON.stringify([...answer.headers]) + await answer.text())
  }
  for (const { log } of stand.services.all) {
    const url = String(log.find(({ msg }) => msg === 'listening')?.['url'])
    const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${words.metrics}` } })
    expect(metrics.status).toBe(200)
    found.set(`metrics of ${url}`, await metrics.text())
    found.set(`health of ${url}`, await (await fetch(`${url}/readyz`)).text())
  }

  // All of them were in use, and what is looked through is what was meant.
  expect(code).toBe(0)
  const [first, second] = await Promise.all(ids.map((id) => stand.ended(id)))
  expect(first?.counts).toMatchObject({ found: 14, copied: 11, failed: 3 })
  expect(second?.counts).toMatchObject({ found: 3, failed: 3 })
  expect(children).toHaveLength(2)
  expect(source.tokens.length).toBeGreaterThan(5)
  expect(signatures.length).toBeGreaterThan(10)
  for (const where of ['redis', 'redis, in the midst of it', 'commands', 'logs', `/migrations/${ids[0]}/report`]) expect(found.get(where)).toContain('open/app')
  expect(found.get('processes')).toMatch(/longshore/)
  expect(found.get(`/migrations/${ids[1]}/report`)).toContain('UNAUTHORIZED')

  const secrets = [...Object.values(words), ...encoded, ...source.tokens, ...locked.tokens, ...signatures]
  const leaks = [...found].flatMap(([where, text]) => secrets.filter((secret) => text.includes(secret)).map((secret) => `${where}: ${secret}: …${text.slice(Math.max(0, text.indexOf(secret) - 120), text.indexOf(secret) + 60)}…`))
  expect(leaks).toEqual([])
}, 180_000)

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter((child) => child !== '').map(Number))
}

/** Every key with all that is in it. */
async function dump(redis: RedisClient): Promise<string> {
  const read: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    string: (key) => redis.get(key), hash: (key) => redis.hgetall(key), set: (key) => redis.smembers(key), zset: (key) => redis.zrange(key, '0', '-1'), list: (key) => redis.lrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  }
  const parts: string[] = []
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key)
    // It may have run out by now.
    if (type !== 'none') parts.push(`${key} ${JSON.stringify(await (read[type] ?? (() => { throw new Error(`${key} is a ${type}`) }))(key))}`)
  }
  return parts.join('\n')
}
