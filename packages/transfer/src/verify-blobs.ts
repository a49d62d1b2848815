// Whether blobs are there, and hold what they say: each is looked at once, however many images share it.
import { type Descriptor, digestOf, type ErrorRecord, isForeign } from '@longshore/oci'
import type { Wanted } from './context.ts'
import { formatEnd, type Location } from './image.ts'
import { readBlob } from './read-whole.ts'
import { isInSample, rankIn, type Sample } from './sample.ts'
import type { Source } from './transport.ts'
import { type CheckedImage, corruptBlob, type Finding, type UnreadBlob } from './verification.ts'

/** What the blobs of one image come to, as they are looked at. */
export interface BlobWalk {
  readonly wanted: Wanted
  readonly findings: Finding[]
  readonly signal: AbortSignal
  readonly blobs: string[]
  /** The first that larger samples would have, of those that the image was the first with. */
  readonly left: { first?: UnreadBlob }
  readonly sums: { -readonly [K in 'manifests' | 'contents' | 'contentBytes' | 'contentsRead' | 'bytesRead']: CheckedImage[K] }
}

export class BlobVerifier {
  readonly #deep: Sample | undefined
  readonly #placements = new Map<string, Promise<boolean>>()
  readonly #contents = new Set<string>()
  readonly #read = new Map<string, Promise<ErrorRecord | undefined>>()

  constructor(deep: Sample | undefined) { this.#deep = deep }

  async check(walk: BlobWalk, target: Source, to: Location, desc: Descriptor): Promise<void> {
    const { signal, wanted: { image, options } } = walk
    if (isForeign(desc) && options.foreignLayers === 'keep') return
    const what = `blob ${formatEnd({ ...to, reference: desc.digest })}`
    const there = await once(this.#placements, `${target.registry}/${to.repository}@${desc.digest}`, () => {
      walk.blobs.push(digestOf(Buffer.from(`${target.registry}/${to.repository}@${desc.digest}`)).slice(-12))
      return target.exists(to.repository, desc, { signal })
    })
    if (!there) { walk.findings.push({ image, problem: 'missing', what, expected: desc.digest }); return }
    this.#count(walk, to, desc)
    if (!this.#deep || !isInSample(desc.digest, this.#deep)) return
    const error = await once(this.#read, `${target.registry}@${desc.digest}`, async () => {
      walk.sums.contentsRead++
      return await readBlob(target, to, desc, { what, onBytes: (bytes) => { walk.sums.bytesRead += bytes } }, signal)
    })
    if (error) walk.findings.push(corruptBlob(image, what, desc, error))
  }

  #count({ sums, left }: BlobWalk, { registry, repository }: Location, { mediaType, digest, size }: Descriptor): void {
    const key = `${registry}@${digest}`
    if (this.#contents.has(key)) return
    this.#contents.add(key)
    sums.contents++
    sums.contentBytes += Math.max(0, size)
    if (!this.#deep) return
    const rank = rankIn(digest, this.#deep.salt)
    if (rank < (left.first?.rank ?? Infinity)) left.first = { to: { registry, repository }, desc: { mediaType, digest, size }, rank }
  }
}

/** One answer per key, shared by all who ask; a failure is forgotten. */
function once<T>(answers: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(key)
  if (known) return known
  const answer = ask()
  answers.set(key, answer)
  answer.catch(() => answers.delete(key))
  return answer
}
