import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Seeded } from './seeded.ts'
import { StorageTree } from './storage-tree.ts'

export interface ManifestFacts { readonly mediaType: string; readonly size: number; readonly blobs: readonly string[]; readonly children: readonly string[] }

/** What is in a source registry: all that the floor client is told, and all that the result is checked against. */
export interface Corpus {
  readonly name: string
  /** The registry's storage root. */
  readonly root: string
  readonly repositories: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly manifests: Readonly<Record<string, ManifestFacts>>
  readonly blobs: Readonly<Record<string, number>>
  /** The destination has it all beforehand. */
  readonly rerun: boolean
}

export const corpusNames = ['mixed', 'share-heavy', 'multi-platform', 'tiny', 'large', 'links', 'tiny-rerun'] as const
export type CorpusName = (typeof corpusNames)[number]

const seed = 'longshore bench 2'
const kib = 1024
const mib = 1024 * kib

interface Blob { readonly mediaType: string; readonly digest: string; readonly size: number; readonly diffId?: string }

/** Fills a registry's storage, once per corpus and scale, under `work`. `scale` multiplies the number of images. */
export function makeCorpus(name: CorpusName, scale: number, work: string): Corpus {
  const content = name === 'tiny-rerun' ? 'tiny' : name
  const folder = join(work, 'corpora', `${content}-${scale}-${createHash('sha256').update(seed).digest('hex').slice(0, 8)}`)
  const file = join(folder, 'corpus.json')
  if (!existsSync(file)) {
    const building = `${folder}.building`
    rmSync(building, { recursive: true, force: true })
    mkdirSync(building, { recursive: true })
    const builder = new Builder(content, building)
    builders[content](builder, (n) => Math.max(1, Math.round(n * scale)))
    writeFileSync(join(building, 'corpus.json'), JSON.stringify(builder.facts()))
    renameSync(building, folder)
  }
  return { ...(JSON.parse(readFileSync(file, 'utf8')) as Corpus), name, root: join(folder, 'storage'), rerun: name === 'tiny-rerun' }
}

class Builder {
  readonly random: Seeded
  readonly #tree: StorageTree
  readonly #repositories: Record<string, Record<string, string>> = {}
  readonly #manifests: Record<string, ManifestFacts> = {}
  readonly #blobs: Record<string, number> = {}
  #made = 0

  constructor(name: string, folder: string) {
    this.random = new Seeded(`${seed}/${name}`)
    this.#tree = new StorageTree(join(folder, 'storage'))
  }

  facts() { return { repositories: this.#repositories, manifests: this.#manifests, blobs: this.#blobs } }

  /** A gzip layer that holds a tar with one file of about `size` bytes. */
  layer(size: number): Blob {
    const tar = createHash('sha256')
    const { digest, size: stored } = this.#tree.blob(gzipStored(tarOf(this.random.bytes(`layer ${this.#made++}`, size), size), tar))
    this.#blobs[digest] = stored
    return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: stored, diffId: `sha256:${tar.digest('hex')}` }
  }

  /** An attestation's statement. */
  statement(): Blob {
    const text = JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', number: this.#made++, text: 'x'.repeat(4 * kib) })
    return this.#json('application/vnd.in-toto+json', text)
  }

  image(repository: string, layers: readonly Blob[], platform = { os: 'linux', architecture: 'amd64' }): Blob {
    const config = this.#json('application/vnd.oci.image.config.v1+json', JSON.stringify({
      ...platform, created: new Date(1.6e12 + this.#made++ * 60_000).toISOString(), config: { Env: ['PATH=/usr/bin'], Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map((l) => l.diffId ?? l.digest) },
      history: layers.map((_, i) => ({ created_by: `RUN step ${i}` })),
    }))
    const bare = ({ mediaType, digest, size }: Blob) => ({ mediaType, digest, size })
    const body = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: bare(config), layers: layers.map(bare) }
    const blobs = [config.digest, ...layers.map((l) => l.digest)]
    for (const digest of blobs) this.#tree.layer(repository, digest)
    return this.#manifest(repository, body.mediaType, body, blobs, [])
  }

  index(repository: string, children: readonly (Blob & { platform: object })[]): Blob {
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    const manifests = children.map(({ digest, size, mediaType: childType, platform }) => ({ mediaType: childType, digest, size, platform }))
    return this.#manifest(repository, mediaType, { schemaVersion: 2, mediaType, manifests }, [], children.map((c) => c.digest))
  }

  tag(repository: string, tag: string, manifest: Blob): void {
    this.#tree.tag(repository, tag, manifest.digest)
    ;(this.#repositories[repository] ??= {})[tag] = manifest.digest
  }

  #manifest(repository: string, mediaType: string, body: object, blobs: readonly string[], children: readonly string[]): Blob {
    const { digest, size } = this.#tree.blob([Buffer.from(JSON.stringify(body))])
    this.#tree.revision(repository, digest)
    this.#manifests[digest] = { mediaType, size, blobs, children }
    return { mediaType, digest, size }
  }

  #json(mediaType: string, text: string): Blob {
    const stored = this.#tree.blob([Buffer.from(text)])
    this.#blobs[stored.digest] = stored.size
    return { mediaType, ...stored }
  }
}

// Skopeo sync keeps the last component alone, so that has to be unique and everything before it the same.
const repositoryName = (i: number): string => `bench/app-${String(i).padStart(3, '0')}`

type Count = (n: number) => number

/** Calibrated so that the floor's destination requests per image are near those of the table: 6.8, 7.7, 17.6, 3.1. */
const builders: Readonly<Record<Exclude<CorpusName, 'tiny-rerun'>, (b: Builder, count: Count) => void>> = {
  /** 300 images in 40 repositories: bases shared across repositories, layers shared between tags, one of its own each; about 720 MB. */
  mixed(b, count) {
    const bases = Array.from({ length: count(8) }, () => Array.from({ length: 3 }, () => b.layer(b.random.size(5 * mib))))
    const repositories = Array.from({ length: count(40) }, (_, i) => ({
      name: repositoryName(i), own: Array.from({ length: 3 }, () => b.layer(b.random.size(2 * mib))),
      stacks: [bases[b.random.integer(bases.length)]!, bases[b.random.integer(bases.length)]!],
    }))
    for (let i = 0; i < count(300); i++) {
      const { name, own, stacks } = repositories[i % repositories.length]!
      const tag = `1.${Math.floor(i / repositories.length)}`
      b.tag(name, tag, b.image(name, [...stacks[b.random.integer(2)]!, ...own, b.layer(b.random.size(1.2 * mib))]))
    }
  },
  /** 600 tags in 60 repositories, 10 layers each, 95 % of them out of a pool of 40; about 100 MB. */
  'share-heavy'(b, count) {
    const pool = Array.from({ length: 40 }, () => b.layer(b.random.size(2 * mib)))
    const repositories = count(60)
    for (let i = 0; i < count(600); i++) {
      const name = repositoryName(i % repositories)
      const fresh = i % 2
      const shared = new Set<Blob>()
      while (shared.size < 10 - fresh) shared.add(pool[b.random.integer(pool.length)]!)
      b.tag(name, `1.${Math.floor(i / repositories)}`, b.image(name, [...shared, ...(fresh ? [b.layer(b.random.size(100 * kib))] : [])]))
    }
  },
  /** 180 tags in 30 repositories, each an index of amd64, arm64 and an attestation: 720 manifests; about 250 MB. */
  'multi-platform'(b, count) {
    const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }))
    const bases = platforms.map(() => Array.from({ length: count(10) }, () => [b.layer(b.random.size(5 * mib)), b.layer(b.random.size(1 * mib))]))
    const repositories = count(30)
    for (let i = 0; i < count(180); i++) {
      const name = repositoryName(i % repositories)
      const children = platforms.map((platform, p) => {
        const base = bases[p]![(i % repositories + (b.random.next() < 0.7 ? 0 : 1)) % bases[p]!.length]!
        return { ...b.image(name, [...base, b.layer(b.random.size(300 * kib))], platform), platform }
      })
      const attestation = { ...b.image(name, [b.statement()], { os: 'unknown', architecture: 'unknown' }), platform: { os: 'unknown', architecture: 'unknown' } }
      b.tag(name, `1.${Math.floor(i / repositories)}`, b.index(name, [...children, attestation]))
    }
  },
  /** 2,000 tags in 100 repositories: a config of its own, one or two tiny layers that all share. */
  tiny(b, count) {
    const layers = [b.layer(2 * kib), b.layer(3 * kib)]
    const repositories = count(100)
    for (let i = 0; i < count(2_000); i++) {
      const name = repositoryName(i % repositories)
      const tag = `1.${Math.floor(i / repositories)}`
      b.tag(name, tag, b.image(name, i % repositories < repositories / 2 ? layers : layers.slice(0, 1)))
    }
  },
  /** 6 images of one 512 MiB layer each, in 2 repositories. */
  large(b, count) {
    for (let i = 0; i < count(6); i++) {
      const name = repositoryName(i % 2)
      b.tag(name, `1.${Math.floor(i / 2)}`, b.image(name, [b.layer(512 * mib)]))
    }
  },
  /** 64 images of two layers of their own, about 1 GB: few requests, so that links are the limit and not the processors (pool.ts). */
  links(b, count) {
    for (let i = 0; i < count(64); i++) {
      const name = repositoryName(i % 16)
      b.tag(name, `1.${Math.floor(i / 16)}`, b.image(name, [b.layer(b.random.size(8 * mib)), b.layer(b.random.size(8 * mib))]))
    }
  },
}

/** ustar with one file. */
function* tarOf(content: Iterable<Buffer>, size: number): Generator<Buffer> {
  const header = Buffer.alloc(512)
  header.write('data', 0)
  header.write(['0000644', '0000000', '0000000', ''].join('\0'), 100)
  header.write(`${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124)
  header.write(['ustar', '00'].join('\0'), 257)
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  yield header
  yield* content
  yield Buffer.alloc((512 - (size % 512)) % 512 + 1024)
}

/** RFC 1952 with stored blocks (RFC 1951 §3.2.4): the content does not compress, so a real compressor would do the same. */
function* gzipStored(content: Iterable<Buffer>, hash: { update(chunk: Buffer): unknown }): Generator<Buffer> {
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
  let crc = 0
  let size = 0
  for (const chunk of content) {
    hash.update(chunk)
    crc = crc32(chunk, crc)
    size += chunk.length
    for (let at = 0; at < chunk.length; at += 0xffff) {
      const part = chunk.subarray(at, at + 0xffff)
      yield Buffer.from([0, part.length & 0xff, part.length >> 8, ~part.length & 0xff, (~part.length >> 8) & 0xff])
      yield part
    }
  }
  const end = Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])
  end.writeUInt32LE(crc, 5)
  end.writeUInt32LE(size % 2 ** 32, 9)
  yield end
}
