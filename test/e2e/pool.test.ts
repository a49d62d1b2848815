// The same commands over Redis: what they tell and leave behind is what they tell and leave behind in one process.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '@longshore/report'
import { reportSchema } from '@longshore/report/schema'
import { assertIntact, kubesphereCorpus, type DockerRegistry, type RedisServer, seed, startDockerRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

const corpus = kubesphereCorpus(11, { scale: 0.05 })
const tagged = corpus.flatMap(({ repository, tag, content }) => (tag === undefined ? [] : [{ repository, tag, digest: content.root.digest }]))

let folder: string
let list: string
let source: DockerRegistry
let alone: DockerRegistry
let pooled: DockerRegistry
let redis: RedisServer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-pool-'))
  list = join(folder, 'images.txt')
  await writeFile(list, `${corpus.flatMap(({ repository, tag }) => (tag === undefined || tag.startsWith('sha256-') ? [] : [`${repository}:${tag}`])).join('\n')}\nlibrary/nowhere:1\n`)
  ;[source, alone, pooled, redis] = await Promise.all([startDockerRegistry(), startDockerRegistry(), startDockerRegistry(), startRedis()])
  await seed(source.url, corpus)
})
afterAll(async () => {
  await Promise.all([source, alone, pooled, redis].map((server) => server[Symbol.asyncDispose]()))
  await rm(folder, { recursive: true, force: true })
})

const to = (destination: DockerRegistry, ...more: readonly string[]): string[] => [list, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', ...more]
const overRedis = (...more: readonly string[]): string[] => ['--redis', redis.url, '--workers', '2', ...more]
const reportAt = async (name: string): Promise<Report> => reportSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))

/** What does not depend on when and by whom things were done. */
function essence({ totals, images, digestMap, unlisted, dropped, outcome }: Report, host: string): unknown {
  const here = (text: string): string => text.replaceAll(host, 'DST')
  return {
    totals, digestMap, unlisted, dropped, outcome,
    // Which image of several was the first to ask for a blob is chance; the totals are not.
    images: images.map((image) => ({ source: image.source, destination: here(image.destination), outcome: image.outcome, ...('digest' in image ? { digest: image.digest, referrers: image.referrers } : {}), ...('code' in image ? { code: image.code } : {}) })),
  }
}

describe('over Redis, with two workers', () => {
  test('migrate moves what it moves in one process, with the same report, failed list and exit code', async () => {
    const first = await longshore(['migrate', ...to(alone, '--report', join(folder, 'alone.json'), '--failed', join(folder, 'alone.txt'))])
    const second = await longshore(['migrate', ...to(pooled, ...overRedis('--report', join(folder, 'pooled.json'), '--failed', join(folder, 'pooled.txt')))])
    expect([first.code, second.code], second.stderr).toEqual([1, 1])
    const [here, there] = [await reportAt('alone.json'), await reportAt('pooled.json')]
    expect(here.totals.images).toMatchObject({ copied: tagged.filter(({ tag }) => !tag.startsWith('sha256-')).length, failed: 1, abandoned: 0 })
    expect(essence(there, pooled.host)).toEqual(essence(here, alone.host))
    const requests = ({ registries }: Report): number => registries.reduce((sum, one) => sum + one.requests, 0)
    // Two workers may each read a tag list or a shared manifest.
    expect(requests(there)).toBeLessThan(requests(here) * 1.15)
    expect((await readFile(join(folder, 'pooled.txt'), 'utf8')).replaceAll(pooled.host, 'DST')).toBe((await readFile(join(folder, 'alone.txt'), 'utf8')).replaceAll(alone.host, 'DST'))
    for (const { repository, tag, digest } of tagged) await assertIntact(pooled.url, repository, tag, { expectDigest: digest })
  }, 120_000)

  test('a second run moves nothing, and asks for each tag once at each side', async () => {
    const { stdout, code } = await longshore(['migrate', ...to(pooled, ...overRedis('--report', join(folder, 'again.json')))])
    expect(code, stdout).toBe(1)
    const { totals, registries } = await reportAt('again.json')
    expect(totals).toMatchObject({ images: { copied: 0, failed: 1 }, manifests: 0, blobs: { pushed: { count: 0 }, mounted: { count: 0 }, existed: { count: 0 } } })
    expect(registries.every(({ bytesOut }) => bytesOut === 0)).toBe(true)
  }, 60_000)

  test('plan and verify tell the same as in one process', async () => {
    const plans = await Promise.all([longshore(['plan', ...to(pooled), '--json']), longshore(['plan', ...to(pooled, ...overRedis()), '--json'])])
    const [planHere, planThere] = plans.map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>)
    expect(planThere).toEqual(planHere)
    expect(plans.map(({ code }) => code)).toEqual([1, 1])
    const checks = await Promise.all([longshore(['verify', ...to(pooled), '--deep', '--json']), longshore(['verify', ...to(pooled, ...overRedis()), '--deep', '--json'])])
    const [here, there] = checks.map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>)
    const names = ['manifests', 'contents', 'contentBytes', 'contentsRead', 'bytesRead'] as const
    const sumsOf = (found: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, found[name]]))
    expect({ ...there, ...sumsOf(here!) }).toEqual(here)
    // What two workers both looked at counts in both.
    expect(names.map((name) => Number(there![name]))).toEqual(names.map((name) => expect.closeTo(Number(here![name]), -String(here![name]).length + 1)))
    expect(checks.map(({ code }) => code)).toEqual([1, 1])
  }, 120_000)

  test('a migration that has ended leaves its record and nothing else; one that only looked leaves nothing', async () => {
    const keys = (await redis.ask('KEYS', '*')).split('\n').map((key) => key.replace(/\{(?!longshore)[^}]+\}/, '{M}'))
    const kinds = new Set(keys.map((key) => key.replace(/^longshore:upload:.*/, 'longshore:upload').replace(/^\{longshore\}:.*/, 'BullMQ')))
    const record = ['meta', 'counts', 'results', 'uses', 'events', 'unlisted', 'dropped'].map((name) => `longshore:{M}:${name}`)
    expect([...kinds].filter((kind) => !['longshore:migrations', 'longshore:upload', 'longshore:sweep', 'BullMQ', ...record].includes(kind))).toEqual([])
    // Two runs of migrate; plan and verify are forgotten.
    expect(keys.filter((key) => key === 'longshore:{M}:meta')).toHaveLength(2)
    for (const name of ['meta', 'counts', 'results', 'uses', 'events']) {
      for (const key of (await redis.ask('KEYS', `longshore:{*}:${name}`)).split('\n')) if (key !== '') expect(Number(await redis.ask('PTTL', key)), key).toBeGreaterThan(0)
    }
    const waiting = await Promise.all(['images', 'blobs', 'manifests'].map(async (queue) => redis.ask('LLEN', `{longshore}:${queue}:wait`)))
    expect(waiting.map(Number)).toEqual([0, 0, 0])
  })

  test('flags that would not reach workers elsewhere are refused, by name', async () => {
    const { code, stderr } = await longshore(['migrate', ...to(pooled, '--redis', redis.url, '--src-creds', 'a:b', '--concurrency', '4')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/--src-creds, --concurrency/)
    expect(stderr).not.toContain('a:b')
    const nobody = await longshore(['migrate', ...to(pooled, '--workers', '1')])
    expect(nobody.stderr).toMatch(/which Redis\? Give --redis URL, or set LONGSHORE_REDIS_URL/)
    expect(nobody.code).toBe(2)
  })
})
