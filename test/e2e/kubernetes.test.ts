// What a cluster runs, from kubectl to the nodes that read the images at their new place: real registries, real skopeo.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportSchema } from '@longshore/report/schema'
import { type DockerRegistry, image, PlainClient, type RedisServer, seed, startDockerRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Finished, launch, longshore, type Running } from './cli-process.ts'

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
const running = image({ seed: 'kubernetes running', layers: [8_000, 9_000] })
const moved = image({ seed: 'kubernetes moved', layers: [7_000] })
const side = image({ seed: 'kubernetes side', layers: [6_000] })
const digest = running.manifests[0]!.digest
const secret = 'hunter2-in-a-pod'

let folder: string
let source: DockerRegistry
let destination: DockerRegistry
let redis: RedisServer
let pods: string
const services: Running[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-kubernetes-'))
  ;[source, destination, redis] = await Promise.all([startDockerRegistry(), startDockerRegistry(), startRedis()])
  await seed(source.url, [{ repository: 'team/app', tag: '1', content: running }, { repository: 'team/side', tag: '2', content: side }])
  // The tag has moved on since the pods were started.
  await seed(source.url, [{ repository: 'team/app', tag: '1', content: moved }])
  const pod = (name: string): unknown => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' },
    spec: {
      initContainers: [{ name: 'init', image: `${source.host}/team/side:2` }],
      containers: [{ name: 'app', image: `${source.host}/team/app:1`, env: [{ name: 'TOKEN', value: secret }] }, ...(name === 'web-2' ? [{ name: 'gone', image: `${source.host}/team/gone:1` }] : [])],
      volumes: [{ name: 'v', secret: { secretName: 's' } }],
    },
    status: { containerStatuses: [{ name: 'app', image: `${source.host}/team/app:1`, imageID: `${source.host}/team/app@${digest}`, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }] },
  })
  // As kubectl get pods -A -o json prints it.
  pods = `${JSON.stringify({ apiVersion: 'v1', items: [pod('web-0'), pod('web-1'), pod('web-2')], kind: 'List', metadata: { resourceVersion: '' } }, null, 4)}\n`
})
afterAll(async () => {
  for (const one of services) one.kill('SIGTERM')
  await Promise.all(services.map(({ finished }) => finished))
  await Promise.all([source, destination, redis].map((one) => one[Symbol.asyncDispose]()))
  await rm(folder, { recursive: true, force: true })
})

const at = (prefix: string): string => `${destination.host}/${prefix}`
async function digestAt(repository: string, tag: string): Promise<string> {
  using client = new PlainClient(destination.url)
  const { headers } = await client.send('HEAD', `/v2/${repository}/manifests/${tag}`, { headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } })
  return String(headers['docker-content-digest'])
}
const lineOf = (text: string, nth: number): number => pods.split('\n').flatMap((line, i) => (line.includes(text) ? [i + 1] : []))[nth] ?? 0

test('cat pods.json | longshore plan - says what would move, by the digests that run, and who asks for it', async () => {
  const { code, stdout, stderr } = await longshore(['plan', '-', '--to', at('plan'), ...insecure], { stdin: pods })
  expect(stderr.replace(/.*looked at.*\n?/g, '')).toBe('')
  expect(stdout).toContain(`asked for by:\n  ${source.host}/team/app@${digest}  Pod shop/web-0 and 2 more\n  ${source.host}/team/gone:1  Pod shop/web-2\n  ${source.host}/team/side:2  Pod shop/web-0 and 2 more\n`)
  expect(stdout).toContain(`${source.host}/team/gone:1 -> ${at('plan')}/team/gone:1 (Pod shop/web-2)`)
  expect(code).toBe(1)
  const { images } = JSON.parse((await longshore(['plan', '-', '--to', at('plan'), ...insecure, '--json'], { stdin: pods })).stdout) as { images: ReadonlyArray<{ source: string; destination: string; state: string; askedBy: unknown }> }
  expect(images.map(({ source: from, destination: to, state }) => [from, to, state])).toEqual([
    [`${source.host}/team/app@${digest}`, `${at('plan')}/team/app:1`, 'copy'], [`${source.host}/team/gone:1`, `${at('plan')}/team/gone:1`, 'failed'], [`${source.host}/team/side:2`, `${at('plan')}/team/side:2`, 'copy'],
  ])
  expect(images[0]?.askedBy).toEqual([0, 1, 2].map((i) => ({ object: `Pod shop/web-${i}`, file: 'stdin', line: lineOf('/team/app:1"', i * 2) })))
  const pooled = JSON.parse((await longshore(['plan', '-', '--to', at('plan'), ...insecure, '--json', '--redis', redis.url, '--workers', '1'], { stdin: pods })).stdout) as { images: unknown }
  expect(pooled.images).toEqual(images)
}, 60_000)

test.each([['one process', []], ['over Redis', ['--workers', '1']]] as const)('migrate in %s: the tag becomes what runs; report, failed list and events name the objects', async (what, workers) => {
  const prefix = `m${workers.length}`
  const files = [join(folder, `${prefix}.json`), join(folder, `${prefix}.txt`)] as const
  const args = ['migrate', '-', '--to', at(prefix), ...insecure, '--report', files[0], '--failed', files[1], ...(what === 'over Redis' ? ['--redis', redis.url, ...workers] : [])]
  const { code, stdout } = await longshore(args, { stdin: pods })
  expect(code).toBe(1)
  expect(stdout).toContain('team/gone:1 (Pod shop/web-2)')
  expect([await digestAt(`${prefix}/team/app`, '1'), await digestAt(`${prefix}/team/side`, '2')]).toEqual([digest, side.manifests[0]!.digest])
  const report = reportSchema.parse(JSON.parse(await readFile(files[0], 'utf8')))
  expect(report.images.map((one) => [one.source, one.outcome, one.askedBy?.map(({ object, line }) => `${line} ${object}`)])).toEqual([
    [`${source.host}/team/app@${digest}`, 'copied', [0, 1, 2].map((i) => `${lineOf('/team/app:1"', i * 2)} Pod shop/web-${i}`)],
    [`${source.host}/team/gone:1`, 'failed', [`${lineOf('/team/gone:1"', 0)} Pod shop/web-2`]],
    [`${source.host}/team/side:2`, 'copied', [0, 1, 2].map((i) => `${lineOf('/team/side:2"', i)} Pod shop/web-${i}`)],
  ])
  expect(await readFile(files[1], 'utf8')).toMatch(/team\/gone:1 # \w+: .*\(asked for by Pod shop\/web-2\)$/m)
  const { stdout: events } = await longshore([...args, '--json'], { stdin: pods })
  const failed = events.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>).find(({ type }) => type === 'failed')
  expect(failed?.['askedBy']).toEqual([{ object: 'Pod shop/web-2', file: 'stdin', line: lineOf('/team/gone:1"', 0) }])
  const verified = await longshore(['verify', '-', '--to', at(prefix), ...insecure], { stdin: pods })
  expect(verified.stdout).toContain(`missing at the source:\n  ${source.host}/team/gone:1 (Pod shop/web-2)`)
}, 60_000)

test('convert keeps what it means and who asked; files mix with other specs', async () => {
  const file = join(folder, 'pods.json')
  await writeFile(file, pods)
  const { stdout: yaml, code } = await longshore(['convert', file, '--to', at('c')])
  expect(code).toBe(0)
  expect(yaml).not.toContain(secret)
  const plan = async (stdin: string, ...specs: readonly string[]): Promise<unknown> => (JSON.parse((await longshore(['plan', ...specs, '--to', at('c'), ...insecure, '--json'], { stdin })).stdout) as { images: unknown }).images
  expect(await plan(yaml, '-')).toEqual(await plan('', file))
  expect(await plan(`${source.host}/team/side:2 other:1\n`, file, '-')).toHaveLength(4)
}, 60_000)

test('submit hands the images to a coordinator, and nothing else of the objects', async () => {
  const port = await new Promise<number>((resolve) => {
    const one = createServer().listen(0, '127.0.0.1', () => { const { port } = one.address() as AddressInfo; one.close(() => { resolve(port) }) })
  })
  const server = `http://127.0.0.1:${port}`
  for (const command of ['coordinator', 'worker']) services.push(launch([command, '--redis', redis.url, ...(command === 'coordinator' ? ['--listen', `127.0.0.1:${port}`] : ['--listen', '127.0.0.1:0'])], { env: { LONGSHORE_TOKEN: 'a-token-for-kubernetes' } }))
  for (const until = Date.now() + 30_000; !await fetch(`${server}/readyz`).then(({ ok }) => ok, () => false);) {
    if (Date.now() > until) throw new Error('the coordinator did not become ready')
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  const env = { LONGSHORE_TOKEN: 'a-token-for-kubernetes', LONGSHORE_SERVER: server }
  const told = await longshore(['submit', '-', '--format', 'kubernetes', '--to', at('s'), ...insecure, '--watch', '--json'], { stdin: pods, env })
  expect([told.code, told.stdout, told.stderr]).toEqual([1, expect.stringContaining('"Pod shop/web-2"'), ''])
  const { migrations: [{ id } = { id: '' }] } = JSON.parse((await longshore(['status', '--json'], { env })).stdout) as { migrations: ReadonlyArray<{ id: string }> }
  const report = await longshore(['report', id], { env })
  expect(reportSchema.parse(JSON.parse(report.stdout)).images.map(({ askedBy }) => askedBy?.[0])).toEqual(['app', 'gone', 'side'].map((name) => ({
    object: name === 'gone' ? 'Pod shop/web-2' : 'Pod shop/web-0', file: 'stdin', line: lineOf(name === 'side' ? '/team/side:2"' : `/team/${name}:1"`, 0),
  })))
  const kept = launch(['-u', redis.url, '--scan'], { command: 'redis-cli' })
  const keys = (await kept.finished).stdout.trim().split('\n')
  expect(keys.length).toBeGreaterThan(1)
  const dump = await Promise.all(keys.map(async (key) => (await launch(['-u', redis.url, 'dump', key], { command: 'redis-cli' }).finished).stdout))
  expect(dump.join('')).not.toContain(secret)
}, 90_000)

test('mapping: skopeo reads the old names from the new place, containerd would, and no registry is asked for it', async () => {
  const nowhere = await longshore(['mapping', '-', '--to', 'harbor.invalid/mirror'], { stdin: pods })
  expect([nowhere.code, nowhere.stdout, nowhere.stderr]).toEqual([0, [
    'old,new,digest', `${source.host}/team/app:1,harbor.invalid/mirror/team/app:1,${digest}`, `${source.host}/team/gone:1,harbor.invalid/mirror/team/gone:1,`, `${source.host}/team/side:2,harbor.invalid/mirror/team/side:2,`, '',
  ].join('\n'), ''])
  await longshore(['migrate', '-', '--to', at('x/mirror'), ...insecure], { stdin: pods })
  const out = join(folder, 'mapping')
  const written = await longshore(['mapping', '-', '--to', at('x/mirror'), '--dest-tls-verify=false', '--output', out], { stdin: pods })
  const hosts = `containerd/certs.d/${source.host.replace(':', '_')}_/hosts.toml`
  const names = ['mapping.csv', hosts, 'registries.conf.d/50-longshore.conf', 'kustomize/kustomization.yaml', 'ROLLBACK.md']
  expect([written.code, written.stdout, written.stderr]).toEqual([0, names.map((name) => `${join(out, name)}\n`).join(''), ''])
  expect(names.every((name) => existsSync(join(out, name)))).toBe(true)
  const inspect = async (name: string, conf?: string): Promise<Finished> => await launch([...(conf === undefined ? [] : ['--registries-conf', conf]), 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`], { command: 'skopeo', env: { HOME: folder } }).finished
  const conf = join(out, 'registries.conf.d/50-longshore.conf')
  expect((await inspect(`${source.host}/team/app:1`)).stdout.trim()).toBe(moved.manifests[0]!.digest)
  expect((await inspect(`${source.host}/team/app:1`, conf)).stdout.trim()).toBe(digest)
  expect((await inspect(`${source.host}/team/app@${digest}`, conf)).stdout.trim()).toBe(digest)
  const [, base = ''] = /\[host\."https:\/\/([^"]+)"\]/.exec(await readFile(join(out, hosts), 'utf8')) ?? []
  const answer = await fetch(`http://${base}/team/app/manifests/1`, { method: 'HEAD', headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } })
  expect(answer.headers.get('docker-content-digest')).toBe(digest)
}, 90_000)

test('mapping with rules asks for tags, tells what a form cannot say, and what it cannot list', async () => {
  const rules = `version: 1\nto: ${at('r')}\nimages:\n  - { name: '${source.host}/team/app', tags: { include: ['*'] }, rename: [{ match: '^team/', replace: 'apps-' }] }\n`
  const { code, stdout, stderr } = await longshore(['mapping', '-', '--spec-format', 'yaml', '--src-tls-verify=false', '--format', 'containerd'], { stdin: rules })
  expect(stderr).toBe(`warning: containerd cannot map ${source.host}/team/app:1 to ${at('r')}/apps-app:1: its repository was renamed\n`)
  expect(stdout).toContain('# A mirror of containerd keeps repository and tag.')
  expect(code).toBe(0)
  const missing = await longshore(['mapping', '-', '--src-tls-verify=false'], { stdin: rules.replace('team/app\'', 'team/none\'') })
  expect([missing.code, missing.stdout]).toEqual([1, 'old,new,digest\n'])
  expect(missing.stderr).toContain('longshore: FAILED stdin:4: ')
}, 60_000)

test.each<[what: string, args: readonly string[], says: RegExp]>([
  ['both ways out', ['--to', 'a.io', '--format', 'csv', '--output', '/tmp/x'], /--format prints one form on stdout, --output writes all of them/],
  ['a folder that cannot be', ['--to', 'a.io', '--output', '/dev/null/x'], /--output \/dev\/null\/x cannot be written \(ENOTDIR\)/],
  ['no destination', [], /stdin:\d+: what clusters run has no destination registry: give --to/], ['another form', ['--to', 'a.io', '--format', 'helm'], /Allowed choices are csv, containerd/],
])('mapping refuses %s', async (_, args, says) => {
  const { code, stdout, stderr } = await longshore(['mapping', '-', ...args], { stdin: pods })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(says)
})
