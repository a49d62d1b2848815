// Whether blobs are there, and hold what they say: each is looked at once, however many images share it.
import { type Descriptor, digestOf, type ErrorRecord, isForeign, toRecord } from '@longshore/oci'
import type { Wanted } from './context.ts'
import { formatEnd, type Location } from './image.ts'
import { isInSample, type Sample } from './sample.ts'
import type { Source } from './transport.ts'
import type { CheckedImage, Finding } from './verification.ts'
import { Verifier } from './verified.ts'

/** What the blobs of one image come to, as they are looked at. */
export interface BlobWalk {
  readonly wanted: Wanted
  readonly findings: Finding[]
  readonly signal: AbortSignal
  readonly blobs: string[]
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
    this.#countContent(walk, target, desc)
    if (!this.#deep || !isInSample(desc.digest, this.#deep)) return
    const error = await once(this.#read, `${target.registry}@${desc.digest}`, () => this.#readBlob(walk, target, to, desc, what))
    if (error) walk.findings.push({ image, problem: 'corrupt', what, expected: desc.digest, error, hint: 'delete the blob (or its repository) at the destination and migrate again: registries do not replace a blob that they have' })
  }

  #countContent({ sums }: BlobWalk, { registry }: Source, { digest, size }: Descriptor): void {
    const key = `${registry}@${digest}`
    if (this.#contents.has(key)) return
    this.#contents.add(key)
    sums.contents++
    sums.contentBytes += Math.max(0, size)
  }

  async #readBlob({ signal, sums }: BlobWalk, target: Source, to: Location, desc: Descriptor, what: string): Promise<ErrorRecord | undefined> {
    sums.contentsRead++
    try {
      await using content = await target.blob(to.repository, desc, { signal })
      for await (const chunk of new Verifier(desc, what).check(content, 0)) sums.bytesRead += chunk.byteLength
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      return toRecord(error)
    }
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
