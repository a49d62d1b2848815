// P2: at no instant, under any crash, does a reader of the destination see a manifest whose content is missing, or a tag that
// moved early. A prober walks whatever it can see, all along. P3: after any kill the next run goes on, and ends whole.
import { assertIntact, type Corpus, type FaultRule, kubesphereCorpus, seed, startDockerRegistry, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, longshore } from '../e2e/cli-process.ts'

const corpus = kubesphereCorpus(7, { scale: 0.1 }).filter(({ repository }) => /coredns|calico|flannel|openebs|csiplugin|java-|istio|fluent/.test(repository))
const repositories = [...new Set(corpus.map(({ repository }) => repository))]
const tagged = corpus.flatMap(({ repository, tag, content }) => (tag === undefined ? [] : [{ repository, tag, digest: content.root.digest }]))

let folder: string
let list: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-faults-'))
  list = join(folder, 'images.txt')
  await writeFile(list, listOf(corpus))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Companion tags travel with what they are about. */
function listOf(entries: Corpus): string {
  return entries.flatMap(({ repository, tag }) => (tag === undefined || tag.startsWith('sha256-') ? [] : [`${repository}:${tag}\n`])).join('')
}
const between = (source: string, destination: string): string[] => ['migrate', list, '--from', source, '--to', destination, '--src-tls-verify=false', '--dest-tls-verify=false']

describe('a reader of the destination', () => {
  test('sees nothing half-done while the migration is killed again and again, and the last run completes', async () => {
    await using source = await startDockerRegistry()
    await using destination = await startDockerRegistry()
    await seed(source.url, corpus)
    await using prober = startProber(destination.url, repositories, { pauseMs: 1 })
    let kills = 0
    for (const images of [1, 4, 9, 15]) {
      // Killed when so many images of this run have arrived: somewhere in the middle of others.
      const run = launch([...between(source.host, destination.host), '--max-bandwidth', '20MB/s'])
      const arrived = await run.saw(new RegExp(`^(\\d+/\\d+\\+? .*\\n){${images}}`, 'm')).then(() => true, () => false)
      if (arrived) kills++
      run.kill('SIGKILL')
      await run.finished
    }
    expect(kills).toBeGreaterThanOrEqual(2)
    const { code, stdout } = await longshore(between(source.host, destination.host))
    expect(stdout).toMatch(/0 failed/)
    expect(code).toBe(0)
    const { violations, walks } = await prober.stop()
    expect(violations).toEqual([])
    expect(walks).toBeGreaterThan(tagged.length)
    for (const { repository, tag, digest } of tagged) await assertIntact(destination.url, repository, tag, { expectDigest: digest, deep: true })
  })

  test('sees nothing half-done at a registry that would take anything, while everything goes wrong', async () => {
    await using source = await startEmbeddedRegistry({ referrersApi: false })
    // The destination does not check what a manifest needs: only the order in which we commit protects its readers.
    await using destination = await startEmbeddedRegistry({ requireManifestReferences: false, referrersApi: false })
    await seed(source.url, corpus)
    const faults: readonly FaultRule[] = [
      { match: { kind: ['upload-put', 'upload-monolithic'] }, times: 3, how: { kind: 'drop-after', bytes: 20_000 } },
      { match: { kind: ['upload-put', 'upload-monolithic'] }, times: 3, how: { kind: 'status-after-commit', status: 500 } },
      { match: { kind: 'mount' }, times: 4, how: { kind: 'refuse-mount', status: 202 } },
      { match: { kind: 'mount' }, times: 2, how: { kind: 'refuse-mount', status: 403 } },
      { match: { kind: 'manifest-put' }, times: 3, how: { kind: 'status', status: 503 } },
      { match: { kind: 'manifest-put' }, times: 2, how: { kind: 'drop' } },
      { match: { kind: 'upload-start' }, times: 2, how: { kind: 'status', status: 429, headers: { 'retry-after': '1' } } },
    ]
    for (const fault of faults) destination.fail(fault)
    source.fail({ match: { kind: 'blob-get' }, times: 4, how: { kind: 'drop-after', bytes: 10_000 } })
    source.fail({ match: { kind: 'manifest-get' }, times: 2, how: { kind: 'status', status: 502 } })
    await using prober = startProber(destination.url, repositories, { pauseMs: 1 })
    const { code, stdout, stderr } = await longshore(between(source.host, destination.host))
    expect(`${stdout}${stderr}`).toMatch(/ 0 failed/)
    expect(code).toBe(0)
    const { violations } = await prober.stop()
    expect(violations).toEqual([])
    expect(destination.count({ status: 429 })).toBe(2)
    for (const { repository, tag, digest } of tagged) await assertIntact(destination.url, repository, tag, { expectDigest: digest, deep: true })
  })

  test('never sees content that its source corrupted (P9), and the other images arrive', async () => {
    await using source = await startEmbeddedRegistry({ referrersApi: false })
    await using destination = await startEmbeddedRegistry({ referrersApi: false })
    await seed(source.url, corpus)
    const victim = corpus.find(({ tag, content }) => tag !== undefined && content.manifests.length === 1)!
    const [digest] = [...victim.content.blobs.keys()].slice(-1)
    source.corruptBlob(digest!)
    const { code, stdout } = await longshore(between(source.host, destination.host))
    expect(code).toBe(1)
    expect(stdout).toContain(`the bytes hash to`)
    expect(repositories.some((repository) => destination.hasBlob(repository, digest!))).toBe(false)
    const bad = corpus.filter(({ content }) => content.blobs.has(digest!))
    for (const { repository, tag, digest } of tagged) {
      if (bad.some((entry) => entry.repository === repository && entry.tag === tag)) expect(destination.tag(repository, tag)).toBeUndefined()
      else await assertIntact(destination.url, repository, tag, { expectDigest: digest })
    }
  })
})
