// One registries.conf, one image, read by Longshore and by the real skopeo from real registries: the same places are asked, the same arrives.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { image, PlainClient, seed, startDockerRegistry } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Finished, launch, longshore } from './cli-process.ts'

interface Logged { readonly host: string; readonly url: string; asked: string[] }
const names = ['primary', 'one', 'two', 'destination'] as const
type Name = (typeof names)[number]

const all = new AsyncDisposableStack()
const at = {} as Record<Name, Logged>
let folder = ''
const content = image({ seed: 'registries.conf', layers: [20_000, 30_000] })
const digest = content.manifests[0]!.digest
/** Nothing listens there. */
const nowhere = '127.0.0.1:1'

/** A registry behind what notes the paths that are asked. */
async function startLogged(): Promise<Logged> {
  const registry = all.use(await startDockerRegistry())
  const asked: string[] = []
  const server = createServer((from, to) => {
    asked.push(`${from.method} ${from.url}`)
    from.pipe(request(`${registry.url}${from.url}`, { method: from.method, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(to)
    }).on('error', () => to.destroy()))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  all.defer(() => { server.closeAllConnections(); server.close() })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, url: `http://${host}`, asked }
}

beforeAll(async () => {
  for (const name of names) at[name] = await startLogged()
  await Promise.all(([['primary', 'ns/app'], ['primary', 'x/moved'], ['primary', 'only'], ['one', 'm/app'], ['two', 'ns/app'], ['two', 'only']] as const).map(([name, repository]) =>
    seed(at[name].url, [{ repository, tag: '1', content }])))
}, 60_000)
afterAll(() => all.disposeAsync())
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-conf-')) })
afterEach(() => rm(folder, { recursive: true }))

/** Which repository was asked where, for manifests and for blobs; who lists tags or signatures is another question. */
function takeLog(): readonly string[] {
  const seen = names.flatMap((name) => at[name].asked.flatMap((line) => {
    const [, repository, kind, reference] = /^(?:GET|HEAD) \/v2\/(.+)\/(manifests|blobs)\/([^/?]+)$/.exec(line) ?? []
    return repository === undefined || name === 'destination' || reference?.startsWith('sha256-') === true ? [] : [`${name} ${repository} ${kind}`]
  }))
  for (const name of names) at[name].asked.length = 0
  return [...new Set(seen)].toSorted()
}

async function written(repository: string, reference = '1'): Promise<string | undefined> {
  using client = new PlainClient(at.destination.url)
  const { status, headers } = await client.send('HEAD', `/v2/${repository}/manifests/${reference}`, { headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } })
  at.destination.asked.length = 0
  return status === 200 ? String(headers['docker-content-digest']) : undefined
}

let runs = 0
/** The image by both, each into a repository of its own. */
async function both(conf: string, source: string): Promise<{ readonly ours: Finished; readonly theirs: Finished; readonly asked: { readonly ours: readonly string[]; readonly theirs: readonly string[] }; readonly digests: readonly unknown[] }> {
  const file = join(folder, 'registries.conf')
  await writeFile(file, conf)
  runs += 1
  takeLog()
  const reference = /@(sha256:.*)$/.exec(source)?.[1] ?? '1'
  const to = (who: string): string => `${who}${runs}/app`
  const yaml = join(folder, 'images.yaml')
  const [registry, rest] = [source.slice(0, source.indexOf('/')), source.slice(source.indexOf('/') + 1)]
  await writeFile(yaml, `${rest}\n`)
  const ours = await longshore(['migrate', yaml, '--registries-conf', file, '--from', registry, '--to', `${at.destination.host}/ours${runs}`, '--debug'])
  const ourLog = takeLog()
  const theirs = await launch(['--registries-conf', file, '--insecure-policy', 'copy', `docker://${source}`, `docker://${at.destination.host}/${to('theirs')}${source.includes('@') ? '' : ':1'}`], { command: 'skopeo', env: { HOME: folder } }).finished
  const theirLog = takeLog()
  const repository = /^([^:@]+)/.exec(rest)?.[1] ?? ''
  return { ours, theirs, asked: { ours: ourLog, theirs: theirLog }, digests: [await written(`ours${runs}/${repository}`, reference), await written(to('theirs'), source.includes('@') ? 'latest' : reference)] }
}

const registry = (fields: Readonly<Record<string, unknown>>, ...mirrors: ReadonlyArray<Readonly<Record<string, unknown>>>): string =>
  [['[[registry]]', fields] as const, ...mirrors.map((mirror) => ['[[registry.mirror]]', mirror] as const)]
    .map(([header, body]) => `${header}\n${Object.entries(body).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join('')}`).join('')
const writable = (): string => registry({ location: at.destination.host, insecure: true })
const app = (): string => `${at.primary.host}/ns/app:1`
const primary = (): Readonly<Record<string, unknown>> => ({ prefix: `${at.primary.host}/ns`, location: `${at.primary.host}/ns`, insecure: true })
const one = (more = {}): Readonly<Record<string, unknown>> => ({ location: `${at.one.host}/m`, insecure: true, ...more })
const two = (more = {}): Readonly<Record<string, unknown>> => ({ location: `${at.two.host}/ns`, insecure: true, ...more })
const empty = (): Readonly<Record<string, unknown>> => ({ location: `${at.one.host}/nothing`, insecure: true })

test.each<[string, () => string, () => string, readonly string[]]>([
  ['the first mirror that has it gives all of it', () => registry(primary(), one(), two()), app, ['one m/app blobs', 'one m/app manifests']],
  ['a mirror that has it not is passed over', () => registry(primary(), empty(), two()), app, ['one nothing/app manifests', 'two ns/app blobs', 'two ns/app manifests']],
  ['where no mirror has it, the primary does', () => registry(primary(), empty()), app, ['one nothing/app manifests', 'primary ns/app blobs', 'primary ns/app manifests']],
  ['a mirror that is out of reach is passed over', () => registry(primary(), { location: `${nowhere}/ns`, insecure: true }), app, ['primary ns/app blobs', 'primary ns/app manifests']],
  ['a mirror that is not insecure does not speak plain HTTP', () => registry(primary(), { location: `${at.one.host}/m` }), app, ['primary ns/app blobs', 'primary ns/app manifests']],
  ['another location stands for the prefix', () => registry({ prefix: 'logical.example/ns', location: `${at.primary.host}/x`, insecure: true }), () => 'logical.example/ns/moved:1', ['primary x/moved blobs', 'primary x/moved manifests']],
  ['a mirror for digests is not asked for a tag', () => registry(primary(), one({ 'pull-from-mirror': 'digest-only' })), app, ['primary ns/app blobs', 'primary ns/app manifests']],
  ['a mirror for digests is asked for a digest', () => registry(primary(), one({ 'pull-from-mirror': 'digest-only' })), () => `${at.primary.host}/ns/app@${digest}`, ['one m/app blobs', 'one m/app manifests']],
  ['a mirror for tags gives the whole image that the tag names', () => registry(primary(), one({ 'pull-from-mirror': 'tag-only' })), app, ['one m/app blobs', 'one m/app manifests']],
  ['mirror-by-digest-only leaves a tag to the primary', () => registry({ ...primary(), 'mirror-by-digest-only': true }, one()), app, ['primary ns/app blobs', 'primary ns/app manifests']],
  ['what is blocked is read from its mirrors', () => registry({ ...primary(), blocked: true }, empty(), two()), app, ['one nothing/app manifests', 'two ns/app blobs', 'two ns/app manifests']],
  ['of two entries, the longer prefix counts', () => registry({ location: at.primary.host, insecure: true }, { location: nowhere, insecure: true }) + registry({ ...primary(), insecure: true }, two()), app, ['two ns/app blobs', 'two ns/app manifests']],
])('%s', async (_, conf, source, asked) => {
  const run = await both(conf() + writable(), source())
  expect(run.theirs).toMatchObject({ code: 0 })
  expect(run.ours).toMatchObject({ code: 0 })
  expect(run.asked).toEqual({ ours: asked, theirs: asked })
  expect(run.digests).toEqual([digest, digest])
  expect(run.ours.stderr).toContain(`registries.conf: ${join(folder, 'registries.conf')}`)
}, 60_000)

test('a blocked source is refused by both, in the same words', async () => {
  const { ours, theirs, asked, digests } = await both(registry({ ...primary(), blocked: true }) + writable(), app())
  for (const { code, stdout, stderr } of [ours, theirs]) {
    expect(code).not.toBe(0)
    expect(stdout + stderr).toContain(`registry ${at.primary.host}/ns is blocked in ${join(folder, 'registries.conf')}`)
  }
  expect(asked).toEqual({ ours: [], theirs: [] })
  expect(digests).toEqual([undefined, undefined])
}, 60_000)

test('a blocked destination is refused by both, and nothing is written', async () => {
  const { ours, theirs, digests } = await both(registry(primary()) + registry({ location: at.destination.host, insecure: true, blocked: true }), app())
  for (const { code, stdout, stderr } of [ours, theirs]) {
    expect(code).not.toBe(0)
    expect(stdout + stderr).toContain(`registry ${at.destination.host} is blocked in `)
  }
  expect(digests).toEqual([undefined, undefined])
}, 60_000)

test('what is written goes to the name itself, whatever location and mirrors say', async () => {
  const { ours, theirs, digests } = await both(registry(primary()) + registry({ prefix: at.destination.host, location: nowhere, insecure: true }, one()), app())
  expect([ours.code, theirs.code]).toEqual([0, 0])
  expect(digests).toEqual([digest, digest])
}, 60_000)

test('--src-tls-verify overrules insecure', async () => {
  const file = join(folder, 'registries.conf')
  await writeFile(file, registry(primary(), one()) + writable())
  takeLog()
  const { code } = await longshore(['migrate', '-', '--registries-conf', file, '--from', at.primary.host, '--to', `${at.destination.host}/strict`, '--src-tls-verify=true'], { stdin: 'ns/app:1\n' })
  expect(code).toBe(1)
  expect(takeLog()).toEqual([])
}, 60_000)

test('a faulty file is told with its line, before anything moves', async () => {
  const file = join(folder, 'registries.conf')
  await writeFile(file, '[registries.insecure]\nregistries = ["a.example"]\n')
  const { code, stderr } = await longshore(['migrate', '-', '--registries-conf', file, '--from', at.primary.host, '--to', at.destination.host], { stdin: 'ns/app:1\n' })
  expect(code).toBe(2)
  expect(stderr).toContain(`${file}:1: [registries.insecure] is the format's version 1, which is not read any more`)
})
