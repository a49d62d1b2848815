// What a person types, against real registries.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { reportSchema } from '@longshore/report/schema'
import { digestOf } from '@longshore/oci'
import {
  type DockerRegistry, type EmbeddedRegistry, kubesphereCorpus, kubesphereListPath, PlainClient, seed, startDockerRegistry, startEmbeddedRegistry, walkImage,
} from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bin, launch, longshore } from './cli-process.ts'

const run = promisify(execFile)
const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-cli-')) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

describe('the list of KubeSphere between two real registries', () => {
  const corpus = kubesphereCorpus(1, { scale: 0.1 })
  /** What the list names; signatures and fallback tags come along by themselves. */
  const tagged = corpus.filter((entry) => entry.tag !== undefined && !entry.tag.startsWith('sha256-'))
  let source: DockerRegistry
  let destination: DockerRegistry
  beforeAll(async () => {
    [source, destination] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
    await seed(source.url, corpus)
  })
  afterAll(async () => { await Promise.all([source?.[Symbol.asyncDispose](), destination?.[Symbol.asyncDispose]()]) })
  const flags = () => ['--from', source.host, '--to', `${destination.host}/mirror/of`, ...insecure]

  test('plan counts it and writes nothing', async () => {
    const { code, stdout, stderr } = await longshore(['plan', kubesphereListPath, ...flags(), '--json'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const plan = JSON.parse(stdout)
    expect(plan.images).toHaveLength(143)
    expect(plan.toMove.bytes).toBeGreaterThan(1e6)
    expect(plan.missingRepositories).toHaveLength(new Set(tagged.map((entry) => entry.repository)).size)
    using client = new PlainClient(destination.url)
    expect(JSON.parse((await client.send('GET', '/v2/_catalog')).body.toString())).toEqual({ repositories: [] })
  })

  test('everything arrives with the digest it had', async () => {
    const report = join(folder, 'report.json')
    const failed = join(folder, 'failed.txt')
    const { code, stdout, stderr } = await longshore(['migrate', kubesphereListPath, ...flags(), '--report', report, '--failed', failed])
    expect(stdout).toContain('143 copied, 0 already there, 0 failed')
    expect(code).toBe(0)
    const lines = stderr.trim().split('\n')
    expect(lines).toHaveLength(143)
    expect(lines.at(-1)).toMatch(/^143\/143 \S+ -> \S+ copied [\d.]+ \w+/)

    using client = new PlainClient(destination.url)
    const known = new Set<string>()
    for (const { repository, tag, content } of corpus) {
      const walk = await walkImage(client, `mirror/of/${repository}`, tag ?? content.root.digest, { known })
      expect(walk.problems).toEqual([])
      expect(walk.root).toBe(content.root.digest)
    }
    for (const { repository, tag, content } of [tagged[0]!, tagged[4]!, tagged[40]!]) {
      const { stdout: raw } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${destination.host}/mirror/of/${repository}:${tag}`], { encoding: 'buffer' })
      expect(digestOf(raw)).toBe(content.root.digest)
    }

    const written = reportSchema.parse(JSON.parse(await readFile(report, 'utf8')))
    expect(written.outcome).toBe('complete')
    expect(written.images.map((image) => image.destination)).toEqual(written.images.map((image) => image.destination).toSorted())
    const digests = new Map(tagged.map(({ repository, tag, content }) => [`${destination.host}/mirror/of/${repository}:${tag}`, content.root.digest]))
    expect(new Map(written.images.map((image) => [image.destination, 'digest' in image ? image.digest : undefined]))).toEqual(digests)
    expect((await readFile(failed, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
    expect((await readdir(folder)).toSorted()).toEqual(['failed.txt', 'report.json'])
  })

  test('a second run finds it all there, and verify agrees', async () => {
    const again = await longshore(['migrate', kubesphereListPath, ...flags()])
    expect(again.stdout).toContain('0 copied, 143 already there, 0 failed')
    expect(again.stdout).toContain('0 put')
    expect(again.code).toBe(0)
    const verified = await longshore(['verify', kubesphereListPath, ...flags()])
    expect(verified.stdout).toContain('143 of 143 are as they should be')
    expect(verified.code).toBe(0)
  })
})

describe('between embedded registries', () => {
  const corpus = kubesphereCorpus(2, { scale: 0.05 }).filter((entry) => /coredns|calico|flannel|openebs/.test(entry.repository))
  const tagged = corpus.filter((entry) => entry.tag !== undefined && !entry.tag.startsWith('sha256-'))
  const list = `${tagged.map(({ repository, tag }) => `${repository}:${tag}`).join('\n')}\n`
  let source: EmbeddedRegistry
  let destination: EmbeddedRegistry
  beforeAll(async () => {
    source = await startEmbeddedRegistry({ referrersApi: false })
    await seed(source.url, corpus)
  })
  afterAll(async () => { await source?.[Symbol.asyncDispose]() })
  const withDestination = async (act: (flags: readonly string[]) => Promise<void>): Promise<void> => {
    await using fresh = await startEmbeddedRegistry({ referrersApi: false })
    destination = fresh
    source.clearFaults()
    source.clearRequests()
    await act(['--from', source.host, '--to', fresh.host, ...insecure])
  }

  test('a second run asks for no blob, and at most one HEAD at each side per tag', () => withDestination(async (flags) => {
    expect((await longshore(['migrate', '-', ...flags], { stdin: list })).code).toBe(0)
    source.clearRequests()
    destination.clearRequests()
    expect((await longshore(['migrate', '-', ...flags], { stdin: list })).code).toBe(0)
    for (const registry of [source, destination]) {
      const allowed = registry.requests.filter(({ kind }) => ['ping', 'tags', 'manifest-head', 'referrers'].includes(kind))
      expect(registry.requests.filter((request) => !allowed.includes(request))).toEqual([])
      const companions = registry.requests.filter(({ kind, reference }) => kind === 'manifest-head' && reference?.startsWith('sha256-') === true).length
      expect(registry.count({ kind: 'manifest-head' }) - companions).toBeLessThanOrEqual(tagged.length)
    }
  }))

  test('--json is one event a line, then the summary', () => withDestination(async (flags) => {
    const { code, stdout, stderr } = await longshore(['migrate', '-', ...flags, '--json'], { stdin: list })
    expect(code).toBe(0)
    expect(stderr).toBe('')
    const events = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { type: string; images?: { copied: number }; source?: string })
    const done = events.filter(({ type }) => type === 'done')
    expect(done.map(({ source = '' }) => source).toSorted()).toEqual(tagged.map(({ repository, tag }) => `${source.host}/${repository}:${tag}`).toSorted())
    expect(events.at(-1)).toMatchObject({ type: 'summary', images: { copied: tagged.length, failed: 0 }, stopped: false })
  }))

  test('one bad image fails alone, with its reason; the failed list is fed back in', () => withDestination(async (flags) => {
    const failed = join(folder, 'again.txt')
    const report = join(folder, 'again.json')
    const hidden = source.tag('calico/cni', 'v3.16.3')!
    source.deleteTag('calico/cni', 'v3.16.3')
    const first = await longshore(['migrate', '-', ...flags, '--failed', failed, '--report', report], { stdin: list })
    expect(first.code).toBe(1)
    expect(first.stdout).toContain(`${tagged.length - 1} copied, 0 already there, 1 failed`)
    expect(first.stdout).toContain('check the name and the tag at the source')
    expect(reportSchema.parse(JSON.parse(await readFile(report, 'utf8')))).toMatchObject({ outcome: 'failed', totals: { images: { failed: 1 } } })
    const lines = (await readFile(failed, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(new RegExp(`^${source.host}/calico/cni:v3\\.16\\.3 ${destination.host}/calico/cni:v3\\.16\\.3 # `))

    source.setTag('calico/cni', 'v3.16.3', hidden)
    const second = await longshore(['migrate', failed, ...insecure])
    expect(second.stdout).toContain('1 copied, 0 already there, 0 failed')
    expect(second.code).toBe(0)
    expect(destination.tag('calico/cni', 'v3.16.3')).toBe(hidden)
  }))

  test('Ctrl-C stops cleanly, and the next run completes', () => withDestination(async (flags) => {
    const report = join(folder, 'stopped.json')
    const running = launch(['migrate', '-', ...flags, '--max-bandwidth', '2MB/s', '--concurrency', '2', '--report', report], { stdin: list })
    await running.saw(/^1\//m)
    running.kill('SIGINT')
    const { code, stdout, stderr } = await running.finished
    expect(stderr).toContain('again to stop at once')
    expect(stdout).toContain('(stopped)')
    expect(code).toBe(130)
    expect(reportSchema.parse(JSON.parse(await readFile(report, 'utf8'))).outcome).toBe('stopped')
    using client = new PlainClient(destination.url)
    for (const repository of destination.repositories()) {
      for (const tag of destination.tags(repository)) expect((await walkImage(client, repository, tag)).problems).toEqual([])
    }
    expect((await longshore(['migrate', '-', ...flags], { stdin: list })).code).toBe(0)
    expect((await longshore(['verify', '-', ...flags, '--deep'], { stdin: list })).code).toBe(0)
  }))

  test('a second Ctrl-C ends it at once, and the report is written nevertheless', () => withDestination(async (flags) => {
    const report = join(folder, 'cut.json')
    const running = launch(['migrate', '-', ...flags, '--max-bandwidth', '50kB/s', '--report', report], { stdin: list })
    const busy = Promise.withResolvers<void>()
    using _ = { [Symbol.dispose]: source.onRequest(({ kind }) => { if (kind === 'blob-get') busy.resolve() }) }
    await busy.promise
    running.kill('SIGINT')
    await running.saw(/again to stop at once/)
    running.kill('SIGINT')
    const asked = performance.now()
    const { code, stdout, stderr } = await running.finished
    expect(performance.now() - asked).toBeLessThan(4000)
    expect(stderr.match(/stopped at once: \d+ of \d+ images are there; the same command goes on from here\n$/g)).toHaveLength(1)
    expect(stdout).toBe('')
    expect(code).toBe(130)
    expect((await readdir(folder)).filter((name) => name.includes('cut.json'))).toEqual(['cut.json'])
    const written = reportSchema.parse(JSON.parse(await readFile(report, 'utf8')))
    expect(written.outcome).toBe('stopped')
    expect(written.totals.images.abandoned).toBeGreaterThan(0)
  }))

  test('verify tells what is missing, different and extra; --repair puts it right', () => withDestination(async (flags) => {
    expect((await longshore(['migrate', '-', ...flags], { stdin: list })).code).toBe(0)
    destination.deleteTag('calico/cni', 'v3.16.3')
    const index = 'application/vnd.oci.image.index.v1+json'
    destination.putManifest('calico/node', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [] })), index, 'v3.16.3')
    destination.setTag('calico/node', 'stray', destination.tag('calico/node', 'v3.16.3')!)
    const found = await longshore(['verify', '-', ...flags], { stdin: list })
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/missing at the destination:\n {2}\S+calico\/cni:v3\.16\.3/)
    expect(found.stdout).toMatch(/different at the destination:\n {2}\S+calico\/node:v3\.16\.3/)
    expect(found.stdout).toContain('calico/node:stray')
    const repaired = await longshore(['verify', '-', ...flags, '--repair'], { stdin: list })
    expect(repaired.stdout).toMatch(/missing at the destination:[^]*are as they should be[^]*\n\n[^]*are as they should be/)
    expect(repaired.stderr).toMatch(new RegExp(`^longshore: repairing 2 images of ${tagged.length}$`, 'm'))
    expect(repaired.code).toBe(0)
    expect((await longshore(['verify', '-', ...flags, '--extra', 'fail'], { stdin: list })).code).toBe(1)
  }))

  test('--dry-run plans and moves nothing', () => withDestination(async (flags) => {
    const { code, stdout } = await longshore(['migrate', '-', ...flags, '--dry-run'], { stdin: list })
    expect(stdout).toMatch(/to move +\d+/)
    expect(code).toBe(0)
    expect(destination.repositories()).toEqual([])
  }))

  test('secrets are in no output, no report and no process title', async () => {
    await using guarded = await startEmbeddedRegistry({ auth: { kind: 'basic', users: { mover: 'hunter2-S3cret' } } })
    await using open = await startEmbeddedRegistry()
    await seed(guarded.url, corpus.slice(0, 2), { authorization: `Basic ${Buffer.from('mover:hunter2-S3cret').toString('base64')}` })
    const report = join(folder, 'secret.json')
    const args = ['migrate', '-', '--from', guarded.host, '--to', open.host, ...insecure, '--json', '--debug', '--report', report]
    const started = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    open.onRequest(() => {
      started.resolve()
      return go.promise
    })
    const names = `${corpus.slice(0, 2).map(({ repository, tag }) => `${repository}:${tag}`).join('\n')}\n`
    const running = launch([...args, '--src-creds', 'mover:hunter2-S3cret'], { stdin: names })
    await started.promise
    const { stdout: ps } = await run('ps', ['-o', 'args=', '-p', String(running.pid)])
    go.resolve()
    const right = await running.finished
    expect(right.code).toBe(0)
    expect(ps.trim()).toBe('longshore')
    const wrong = await longshore([...args, '--src-creds', 'mover:hunter3-S3cret'], { stdin: names })
    expect(wrong.code).toBe(1)
    for (const text of [right.stdout, right.stderr, wrong.stdout, wrong.stderr, await readFile(report, 'utf8'), ps]) {
      expect(text).not.toMatch(/S3cret/)
      expect(text).not.toContain(Buffer.from('mover:hunter2-S3cret').toString('base64'))
    }
  })
})

/* oxlint-disable no-control-regex */
describe('on a terminal', () => {
  const corpus = kubesphereCorpus(4, { scale: 0.05 }).filter((entry) => /calico/.test(entry.repository) && entry.tag?.startsWith('sha256-') === false)
  let source: EmbeddedRegistry
  let destination: EmbeddedRegistry
  beforeAll(async () => {
    [source, destination] = await Promise.all([startEmbeddedRegistry(), startEmbeddedRegistry()])
    await seed(source.url, corpus)
    await writeFile(join(folder, 'calico.txt'), corpus.map(({ repository, tag }) => `${repository}:${tag}\n`).join(''))
  })
  afterAll(async () => { await Promise.all([source?.[Symbol.asyncDispose](), destination?.[Symbol.asyncDispose]()]) })
  const typed = (stty: string, to: string): Promise<{ readonly code: number | null; readonly stdout: string }> => (
    longshore(['-qec', `${stty}; ${bin} migrate ${join(folder, 'calico.txt')} --from ${source.host} --to ${destination.host}/${to} ${insecure.join(' ')} --max-bandwidth 1500kB/s`, '/dev/null'], { command: 'script', env: { TERM: 'xterm' } }))

  test('bars are drawn in place, no line is wider than it, and the cursor comes back', async () => {
    const { code, stdout } = await typed('stty cols 70 rows 20', 'bars')
    expect(code).toBe(0)
    expect(stdout).toMatch(/images [█▏▎▍▌▋▊▉░]+ \d\/5/)
    expect(stdout).toMatch(/bytes {2}[█▏▎▍▌▋▊▉░]+ [\d.]+ \wB of [\d.]+ \wB/)
    expect(stdout).toMatch(/\x1b\[\?25l/)
    expect(stdout.lastIndexOf('\u001b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\u001b[?25l'))
    const drawn = stdout.replaceAll(/\x1b\[[?\d;]*[a-zA-Z]/g, '\n').split(/[\r\n]+/).filter((line) => /^(?:images|bytes) .*[█░]/.test(line))
    expect(drawn.length).toBeGreaterThanOrEqual(2)
    expect(Math.max(...drawn.map((line) => line.length))).toBeLessThan(70)
    expect(stdout).toContain('5 copied, 0 already there, 0 failed')
  })

  test('a terminal without a size gets lines', async () => {
    const { code, stdout } = await typed('stty cols 0 rows 0', 'lines')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^5\/5 .* copied/m)
    expect(stdout).not.toContain('\u001b')
  })
})

describe('the launcher', () => {
  test('works through symlinks and from any directory', async () => {
    const link = join(folder, 'bin-longshore')
    await symlink(bin, link)
    const { code, stdout, stderr } = await longshore(['--version'], { command: link, cwd: '/' })
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  test('the demo needs nothing', async () => {
    const { code, stdout, stderr } = await longshore(['demo'], { cwd: folder })
    expect(stderr).toMatch(/^37\/37 /m)
    expect(stdout).toContain('37 copied, 0 already there, 0 failed')
    expect(stdout).toContain('37 of 37 are as they should be')
    expect(stdout).toContain('37 of 37 images are already there (0 blobs copied)')
    expect(stdout).toMatch(/bin\/longshore migrate images\.txt --to/)
    expect(code).toBe(0)
  })
})

test('a list in a file and one from stdin are one migration', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const corpus = kubesphereCorpus(3, { scale: 0.02 }).filter((entry) => /coredns|typha/.test(entry.repository) && entry.tag?.startsWith('sha256-') === false)
  await seed(source.url, corpus)
  const [first, second] = corpus.map(({ repository, tag }) => `${repository}:${tag}`)
  await writeFile(join(folder, 'one.txt'), `# comment\r\n${first}\r\n`)
  const { code, stdout } = await longshore(['migrate', join(folder, 'one.txt'), '-', '--from', source.host, '--to', destination.host, ...insecure], { stdin: `${second}\n` })
  expect(stdout).toContain('2 copied')
  expect(code).toBe(0)
})
