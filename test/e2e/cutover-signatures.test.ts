// The criterion that images are signed with these keys: in one process, over Redis, and at a coordinator, which has not got the key files. Signatures are
// cosign's, made with keys of our own.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cutoverReportSchema } from '@longshore/cutover/schema'
import { parseRepositoryName } from '@longshore/oci'
import { createRegistry } from '@longshore/registry'
import { signSigstore, writeAttachments } from '@longshore/signing'
import { type EmbeddedRegistry, freePort, image, type RedisServer, seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { launch, longshore, type Running } from './cli-process.ts'
import { until } from './cutover.fixture.ts'

const token = 'an-end-to-end-token'
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let redis: RedisServer
let folder: string
let source: EmbeddedRegistry
let destination: EmbeddedRegistry

beforeAll(async () => { redis = await startRedis() })
afterAll(async () => { await redis[Symbol.asyncDispose]() })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-signatures-'))
  ;[source, destination] = await Promise.all([startEmbeddedRegistry(), startEmbeddedRegistry()])
  await seed(source.url, ['team/signed', 'team/unsigned', 'other/free'].map((repository) => ({ repository, tag: '1', content: contentOf(repository) })))
  await sign('team/signed', ours)
  await sign('team/unsigned', theirs)
  await writeFile(join(folder, 'token'), `${token}\n`)
  await writeFile(join(folder, 'cosign.pub'), ours.publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(join(folder, 'rules.yaml'), JSON.stringify({
    version: 1, from: source.host, to: `${destination.host}/m`, images: ['team/signed', 'team/unsigned', 'other/free'].map((name) => ({ name })),
    cutover: { delta: { every: '1s' }, freeze: { when: 'caught-up' }, criteria: { signatures: { keys: ['cosign.pub'], repositories: ['m/team/*'] } } },
  }))
})
afterEach(async () => {
  await Promise.all([source[Symbol.asyncDispose](), destination[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

const contentOf = (repository: string): ReturnType<typeof image> => image({ seed: repository, layers: [1_000] })

/** At the source, with a name in the signature that is none of the destination's. */
async function sign(repository: string, { privateKey }: typeof ours): Promise<void> {
  await using client = createRegistry({ registry: source.host, tlsVerify: false })
  const manifest = contentOf(repository).root.digest
  await writeAttachments(client, parseRepositoryName(repository), manifest, [signSigstore(privateKey, { manifest, reference: `old.example.com/${repository}:1`, creator: 'test' })], { signal: new AbortController().signal })
}

/** A coordinator and a worker; answers where it is. */
async function startServices(services: Running[]): Promise<string> {
  let server = ''
  for (const command of ['coordinator', 'worker']) {
    const url = `http://127.0.0.1:${await freePort()}`
    services.push(launch([command, '--redis', redis.url, '--listen', new URL(url).host, '--src-no-creds', '--dest-no-creds'], { env: { LONGSHORE_TOKEN: token } }))
    await until(`${command} is ready`, async () => await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false))
    if (command === 'coordinator') server = url
  }
  return server
}

test.each<[string, (services: Running[]) => Promise<readonly string[]>]>([
  ['in one process', async () => []],
  ['over Redis', async () => ['--redis', redis.url, '--workers', '1']],
  ['at a coordinator', async (services) => ['--server', await startServices(services), '--token-file', 'token']],
])('an image without a signature by one of the keys makes it no-go; signed at the source, the same command comes to go, %s', { timeout: 120_000 }, async (_, where) => {
  const services: Running[] = []
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => {
    for (const one of services) one.kill('SIGTERM')
    await Promise.all(services.map(async ({ finished }) => await finished))
  })
  const command = ['cutover', 'rules.yaml', ...await where(services), '--src-tls-verify=false', '--dest-tls-verify=false', '--report', 'report.json', '--report-md', 'report.md']
  const report = async (): Promise<ReturnType<typeof cutoverReportSchema.parse>> => cutoverReportSchema.parse(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')))

  const refused = await longshore(command, { cwd: folder })
  expect(refused.code, refused.stderr).toBe(1)
  expect(refused.stdout).toMatch(/answer +NO-GO[^]*NOT {2}signatures/)
  const first = await report()
  expect(first.verification?.signatures).toEqual({ checked: 2, verified: 1, unsigned: [`${destination.host}/m/team/unsigned:1: cryptographic signature verification failed: invalid signature`] })
  expect(first.criteria.filter(({ met }) => !met)).toMatchObject([{ name: 'signatures', hint: expect.stringContaining('sign these images at the source') }])
  expect(await readFile(join(folder, 'report.md'), 'utf8')).toContain('1 of 2 verified')

  await sign('team/unsigned', ours)
  const agreed = await longshore(command, { cwd: folder })
  expect(agreed.code, agreed.stderr).toBe(0)
  expect(agreed.stdout).toMatch(/answer +GO\n/)
  expect((await report()).verification?.signatures).toEqual({ checked: 2, verified: 2, unsigned: [] })
})
