// The torture set, moved by the command line: from a registry with the referrers API to one without, and back; over Redis; through a storage tree
// and folders. What cannot be is told, alone; everything else arrives as the bytes it was.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '@longshore/report'
import { reportSchema } from '@longshore/report/schema'
import { type CorpusEntry, type DockerRegistry, type EmbeddedRegistry, PlainClient, seed, startDockerRegistry, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds, signer, type Specimen, tortureSet } from '../fixtures/torture.ts'
import { findCosign, run } from '../infra/tools.ts'
import { longshore } from './cli-process.ts'
import { differences, isFallbackTag, readBySkopeo, referrersByApi, referrersByTag } from './torture-compare.ts'

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
const set = tortureSet()
const entries = set.flatMap((specimen) => specimen.corpus.map((entry) => ({ specimen, entry })))
const referrers = new Set(entries.filter(({ entry }) => Buffer.from(entry.content.root.bytes).includes('"subject"')).map(({ entry }) => entry.content.root.digest))
/** By docker-registry. */
const refused = ({ kind }: Specimen): boolean => kind.refused?.['docker-registry'] !== undefined

let folder: string
/** With the referrers API, without, and with it again. */
let here: EmbeddedRegistry
let there: DockerRegistry
let back: EmbeddedRegistry
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-torture-'))
  ;[here, there, back] = await Promise.all([startEmbeddedRegistry({ schema1: true }), startDockerRegistry(), startEmbeddedRegistry({ schema1: true })])
  await seed(here.url, set.flatMap(({ corpus }) => corpus))
})
afterAll(async () => {
  await Promise.all([here, there, back].map((registry) => registry?.[Symbol.asyncDispose]()))
  await rm(folder, { recursive: true, force: true })
})

/**
 * The whole catalog; by name what no tag leads to, and what docker-registry's catalog leaves out: repositories without any blob.
 * @param left what is known not to be at the source
 */
async function specOf(from: string, left: (specimen: Specimen) => boolean = () => false): Promise<string> {
  const named = entries.filter(({ specimen, entry }) => !left(specimen) && (entry.content.blobs.size === 0 || (entry.tag === undefined && !referrers.has(entry.content.root.digest))))
  const path = join(folder, `${from.replaceAll(/\W/g, '-')}.yaml`)
  await writeFile(path, `version: 1\nfrom: ${from}\nimages:\n  - repositories: {}\n${named.map(({ entry: { repository, tag, content } }) => `  - ${repository}${tag === undefined ? '@' : ':'}${tag ?? content.root.digest}\n`).join('')}`)
  return path
}

async function migrate(spec: string, to: string, ...flags: readonly string[]): Promise<{ readonly code: number | null; readonly report: Report; readonly output: string }> {
  const report = join(folder, 'report.json')
  const { code, stdout, stderr } = await longshore(['migrate', spec, '--to', to, ...insecure, '--report', report, ...flags])
  return { code, output: stdout + stderr, report: reportSchema.parse(JSON.parse(await readFile(report, 'utf8'))) }
}

/** The specimens of which anything failed, with what was said. */
function failuresOf({ images }: Report): ReadonlyMap<Specimen, readonly string[]> {
  const failed = new Map<Specimen, string[]>()
  for (const image of images) {
    if (image.outcome !== 'failed') continue
    const specimen = set.find(({ kind }) => new RegExp(`/torture/${kind.name}[/:@]`).test(image.source))!
    failed.set(specimen, [...failed.get(specimen) ?? [], JSON.stringify(image.error)])
  }
  return failed
}

/** Sentences about what is not as it was written: every manifest's bytes and type, every blob by its hash. */
async function differ({ url }: { readonly url: string }, of: ReadonlyArray<{ readonly entry: CorpusEntry }>): Promise<readonly string[]> {
  using client = new PlainClient(url)
  const known = new Set<string>()
  return (await Promise.all(of.map(({ entry }) => differences(client, entry, known)))).flat()
}

test('the set has more than forty kinds, each with a name of its own', () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length)
  expect(kinds.length).toBeGreaterThanOrEqual(40)
})

test('docs/fidelity.md says of each kind what must hold', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/fidelity.md'), 'utf8')
  const told = [...text.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, names]) => names!.split(' ').map((name) => name.replaceAll('`', '')))
  expect(told.toSorted()).toEqual(kinds.map(({ name }) => name).toSorted())
})

test('a manifest of more than 4 MiB fails alone', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const [kind] = set.filter((specimen) => specimen.kind.name === 'limit-4-mib')
  await seed(source.url, kind!.corpus)
  const [{ repository, content: { root } }] = kind!.corpus as [CorpusEntry]
  source.putManifest(repository, Buffer.concat([root.bytes, Buffer.from('\n')]), root.mediaType, 'larger')
  const list = join(folder, 'large.txt')
  await writeFile(list, `${repository}:v1\n${repository}:larger\n`)
  const { code, stdout } = await longshore(['migrate', list, '--from', source.host, '--to', destination.host, ...insecure])
  expect(code).toBe(1)
  expect(stdout).toMatch(/:larger[^]*is larger than[^]*rebuild the image with fewer layers or annotations/)
  expect(destination.tags(repository)).toEqual(['v1'])
})

describe('from a registry with the referrers API to one without, and back', () => {
  test('there: what is refused fails alone, with the words of the destination', async () => {
    const { code, report, output } = await migrate(await specOf(here.host), there.host)
    expect(code, output).toBe(1)
    const failed = failuresOf(report)
    expect([...failed.keys()].map(({ kind }) => kind.name).sort()).toEqual(set.filter(refused).map(({ kind }) => kind.name).sort())
    for (const [{ kind }, said] of failed) for (const words of said) expect(words, kind.name).toMatch(kind.refused!['docker-registry']!)
    expect(report.totals.unlisted).toBe(0)
    const wrong = await differ(there, entries.filter(({ specimen, entry }) => !refused(specimen) && !(isFallbackTag(specimen, entry) && specimen.kind.name === 'fallback-tag-outdated')))
    expect(wrong).toEqual([])
  }, 240_000)

  test('there: what the API listed, the tag schema lists', async () => {
    using source = new PlainClient(here.url)
    using destination = new PlainClient(there.url)
    for (const { specimen, entry: { repository, content } } of entries) {
      if (refused(specimen)) continue
      for (const { digest } of content.manifests) {
        const listed = await referrersByApi(source, repository, digest) ?? []
        if (listed.length > 0) expect(await referrersByTag(destination, repository, digest), `${repository}@${digest}`).toEqual(expect.arrayContaining([...listed]))
      }
    }
    const { stdout, code } = await longshore(['verify', await specOf(here.host), '--to', there.host, ...insecure, '--json'])
    const { findings, extra } = JSON.parse(stdout) as { readonly findings: ReadonlyArray<{ readonly what: string }>; readonly extra: readonly unknown[] }
    expect(code).toBe(1)
    expect(findings.filter(({ what }) => !set.filter(refused).some(({ kind }) => what.includes(`/torture/${kind.name}`)))).toEqual([])
    // The list of referrers of what was refused.
    expect(extra).toMatchObject([{ repository: 'torture/sha512-subject' }])
  }, 240_000)

  test('there: skopeo reads the bytes that were written', async () => {
    // To skopeo a name is at most 255 letters long with its host.
    const tagged = set.filter((specimen) => !refused(specimen)).flatMap((specimen) => specimen.corpus.filter((entry) => entry.tag !== undefined && entry.repository.length < 200 && !isFallbackTag(specimen, entry)).slice(0, 3))
    const read = async (items: IterableIterator<CorpusEntry>): Promise<void> => {
      for (const { repository, tag, content } of items) {
        const bytes = await readBySkopeo(there.host, repository, tag!)
        // It may put a line end behind them.
        expect([Buffer.from(content.root.bytes), Buffer.concat([content.root.bytes, Buffer.from('\n')])].some((one) => one.equals(bytes)), `${repository}:${tag}`).toBe(true)
      }
    }
    const items = tagged.values()
    await Promise.all([read(items), read(items)])
  }, 240_000)

  test('back: everything is there as it was, and no list of referrers that nobody needs', async () => {
    const spec = await specOf(there.host, refused)
    const { code, report, output } = await migrate(spec, back.host)
    expect(code, output).toBe(0)
    expect(report.totals).toMatchObject({ images: { failed: 0 }, unlisted: 0 })
    const kept = entries.filter(({ specimen, entry }) => !refused(specimen) && (!isFallbackTag(specimen, entry) || specimen.kind.name === 'fallback-tag-of-strangers'))
    expect(await differ(back, kept)).toEqual([])
    const tagsAt = (registry: EmbeddedRegistry, repository: string): string[] => registry.tags(repository).filter((tag) => !entries.some(({ specimen, entry }) => entry.repository === repository && entry.tag === tag && isFallbackTag(specimen, entry)))
    for (const repository of new Set(kept.map(({ entry }) => entry.repository))) expect(tagsAt(back, repository), repository).toEqual(tagsAt(here, repository))
    using first = new PlainClient(here.url)
    using last = new PlainClient(back.url)
    for (const { entry: { repository, content } } of kept) {
      for (const { digest } of content.manifests) expect(await referrersByApi(last, repository, digest), `${repository}@${digest}`).toEqual(await referrersByApi(first, repository, digest))
    }
    const again = await migrate(spec, back.host)
    expect(again.report.totals).toMatchObject({ blobs: { pushed: { count: 0 }, mounted: { count: 0 } } })
    expect((await longshore(['verify', spec, '--to', back.host, ...insecure, '--json'])).code).toBe(0)
  }, 240_000)
})

/** All that the set has, in a registry that takes it. */
async function expectAll(registry: EmbeddedRegistry, but: (specimen: Specimen) => boolean = () => false): Promise<void> {
  expect(await differ(registry, entries.filter(({ specimen, entry }) => !but(specimen) && (!isFallbackTag(specimen, entry) || specimen.kind.name === 'fallback-tag-of-strangers')))).toEqual([])
}

test('over Redis, with two workers, between registries that take everything', async () => {
  await using redis = await startRedis()
  await using other = await startEmbeddedRegistry({ schema1: true })
  const { code, report, output } = await migrate(await specOf(here.host), other.host, '--redis', redis.url, '--workers', '2')
  expect(code, output).toBe(0)
  expect(report.totals.images.failed).toBe(0)
  await expectAll(other)
}, 240_000)

describe('through other places', () => {
  const tree = (): string => join(folder, 'tree')
  const holds = ({ kind }: Specimen): boolean => kind.refused?.['registry-storage'] === undefined

  test('a storage tree, and back: what it cannot hold is told', async () => {
    const place = `registry-storage:${tree()}`
    const out = await migrate(await specOf(here.host), place)
    expect(out.code, out.output).toBe(1)
    const failed = failuresOf(out.report)
    expect([...failed.keys()].map(({ kind }) => kind.name).sort()).toEqual(set.filter((specimen) => !holds(specimen)).map(({ kind }) => kind.name).sort())
    for (const [{ kind }, said] of failed) for (const words of said) expect(words, kind.name).toMatch(kind.refused!['registry-storage']!)
    await using other = await startEmbeddedRegistry({ schema1: true })
    const home = await migrate(await specOf(place, (specimen) => !holds(specimen)), other.host)
    expect(home.code, home.output).toBe(0)
    await expectAll(other, (specimen) => !holds(specimen))
  }, 240_000)

  test('a folder for each tag of it, and back', async () => {
    const folders = join(folder, 'folders')
    const out = await longshore(['sync', '--all', '--scoped', '--src', 'registry-storage', '--dest', 'dir', tree(), folders])
    expect(out.code, out.stderr).toBe(0)
    await using other = await startEmbeddedRegistry({ schema1: true })
    const home = await longshore(['sync', '--all', '--scoped', '--src', 'dir', '--dest', 'docker', '--dest-tls-verify=false', folders, other.host])
    expect(home.code, home.stderr).toBe(0)
    expect(await differ(other, entries.filter(({ specimen, entry }) => entry.tag !== undefined && holds(specimen) && specimen.kind.name !== 'fallback-tag-outdated'))).toEqual([])
  }, 240_000)

  // Without --preserve-digests Docker images become OCI images there, as with skopeo.
  test('an OCI layout, and back', async () => {
    const names = ['image-docker', 'image-zstd', 'index-nested', 'index-mixed-formats', 'index-of-blobs', 'sha512-child', 'text-escapes', 'limit-4-mib']
    const chosen = entries.filter(({ specimen }) => names.includes(specimen.kind.name))
    expect(chosen).toHaveLength(names.length)
    await using other = await startEmbeddedRegistry()
    const items = chosen.values()
    const carry = async (): Promise<void> => {
      for (const { entry: { repository }, specimen } of items) {
        const [from, to] = [here, other].map(({ host }) => `docker://${host}/${repository}:v1`)
        const layout = `oci:${join(folder, 'layout')}:${specimen.kind.name}`
        for (const args of [['--src-tls-verify=false', from!, layout], ['--dest-tls-verify=false', layout, to!]]) {
          const { code, stderr } = await longshore(['copy', '-q', '--all', '--preserve-digests', ...args])
          expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
        }
      }
    }
    await Promise.all([carry(), carry()])
    expect(await differ(other, chosen)).toEqual([])
  }, 240_000)
})

describe('cosign', () => {
  let cosign: string | undefined
  beforeAll(async () => {
    cosign = await findCosign()
    if (cosign === undefined) console.warn('cosign is neither on the PATH nor to be had from Debian: what it says of moved signatures is not tested')
  }, 300_000)

  test('verifies with its own key what it signed before the move, on both far sides', async ({ skip }) => {
    if (cosign === undefined) return skip('there is no cosign')
    await using source = await startEmbeddedRegistry()
    const signed = set.flatMap(({ kind, corpus }) => (['image-oci', 'index-oci', 'index-attestations', 'helm-chart', 'image-docker'].includes(kind.name) ? corpus : []))
    await seed(source.url, signed)
    const env = { COSIGN_PASSWORD: 'not a secret', HOME: folder }
    const options = { cwd: folder, env }
    await run(cosign, ['generate-key-pair'], options)
    // What releases up to 2 did, under tags; and what 3 does, by referrers. Of an index, its children are signed, too.
    for (const [i, { repository, content }] of signed.entries()) {
      const form = i % 2 === 0 ? ['--new-bundle-format=false'] : []
      await run(cosign, ['sign', '--key', 'cosign.key', '--tlog-upload=false', '--use-signing-config=false', '--yes', '--recursive', ...form, `${source.host}/${repository}@${content.root.digest}`], options)
    }
    await using far = await startDockerRegistry()
    await using home = await startEmbeddedRegistry()
    const list = join(folder, 'signed.txt')
    await writeFile(list, signed.map(({ repository, tag }) => `${repository}:${tag}\n`).join(''))
    const { host } = far
    for (const [from, to] of [[source.host, host], [host, home.host]] as const) {
      const moved = await longshore(['migrate', list, '--from', from, '--to', to, ...insecure])
      expect(moved.code, moved.stdout).toBe(0)
      for (const { repository, tag, content } of signed) {
        const children = content.manifests.map(({ digest }) => `${repository}@${digest}`)
        for (const name of [`${repository}:${tag}`, ...children]) await run(cosign, ['verify', '--key', 'cosign.pub', '--insecure-ignore-tlog=true', `${to}/${name}`], options)
      }
    }
    // It does say no.
    await expect(run(cosign, ['verify', '--key', 'cosign.pub', '--insecure-ignore-tlog=true', `${here.host}/torture/image-oci:v1`], options)).rejects.toThrow(/no signatures found|no matching signatures/)
  }, 240_000)

  test('verifies the signatures that the set was made with', async ({ skip }) => {
    if (cosign === undefined) return skip('there is no cosign')
    await writeFile(join(folder, 'set.pub'), signer.publicKey.export({ type: 'spki', format: 'pem' }))
    const names = ['cosign-signature', 'cosign-recursive', 'cosign-all-tags']
    for (const host of [there.host, back.host]) {
      for (const name of names) await run(cosign, ['verify', '--key', join(folder, 'set.pub'), '--insecure-ignore-tlog=true', `${host}/torture/${name}:v1`], { env: { HOME: folder } })
    }
  }, 240_000)
})
