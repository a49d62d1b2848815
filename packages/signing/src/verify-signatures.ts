// Whether images at their destinations are signed, as `cosign verify --key` would say it there. Images have moved to other names, so what a
// signature says of a name (`docker-reference`) is not compared, as cosign does not: the digest and the key prove what was signed.
import type { KeyObject } from 'node:crypto'
import { forEachLimit } from '@longshore/concurrency'
import { companionSubject, describeRecord, type Digest, isDigest, type RepositoryName, toRecord } from '@longshore/oci'
import { formatEnd, type Image, type Source } from '@longshore/transfer'
import { attachedSignatures } from './attached-signatures.ts'
import { verifyBundle } from './bundle.ts'
import { SigningError } from './errors.ts'
import { verifySigstore } from './sigstore.ts'

export interface VerifySignaturesOptions {
  readonly target: (registry: string) => Source
  /** One that fits is enough. */
  readonly keys: readonly KeyObject[]
  /** Images that are looked at at once. */
  readonly concurrency: number
  readonly onImage?: (destination: string, isVerified: boolean) => void
}

/** `destination` as people write it; `why` for a person. */
export interface UnsignedImage { readonly destination: string; readonly why: string }

export interface SignatureReport {
  readonly checked: number
  readonly verified: number
  /** Sorted by destination. What could not be looked at counts as unsigned. */
  readonly unsigned: readonly UnsignedImage[]
}

/**
 * Looks at the manifest that each reference names at the destination; children of an index are signed by their index. Companion tags are
 * passed over: they are signatures themselves. @throws the signal's reason, or an error of the stream of images
 */
export async function verifySignatures(images: AsyncIterable<Image> | Iterable<Image>, options: VerifySignaturesOptions, signal: AbortSignal): Promise<SignatureReport> {
  const unsigned: UnsignedImage[] = []
  let checked = 0
  /** Tags of one manifest have the same answer. */
  const answers = new Map<string, Promise<string | undefined>>()
  await forEachLimit(signal, options.concurrency, images, async ({ destination }, signal) => {
    const { registry, repository, reference } = destination
    if (!isDigest(reference) && companionSubject(reference) !== undefined) return
    checked++
    const why = await whyUnsigned(options.target(registry), repository, answers, async (target) => (
      isDigest(reference) ? reference : (await target.resolve(repository, reference, { signal }))?.digest), options.keys, signal)
    if (why !== undefined) unsigned.push({ destination: formatEnd(destination), why })
    options.onImage?.(formatEnd(destination), why === undefined)
  })
  return { checked, verified: checked - unsigned.length, unsigned: unsigned.sort((a, b) => (a.destination < b.destination ? -1 : 1)) }
}

async function whyUnsigned(
  target: Source, repository: RepositoryName, answers: Map<string, Promise<string | undefined>>, resolve: (target: Source) => Promise<Digest | undefined>, keys: readonly KeyObject[], signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const digest = await resolve(target)
    if (digest === undefined) return 'it is not there'
    const key = `${target.registry}/${repository}@${digest}`
    const known = answers.get(key) ?? lookAt(target, repository, digest, keys, signal)
    answers.set(key, known)
    return await known
  } catch (error) {
    signal.throwIfAborted()
    return describeRecord(toRecord(error))
  }
}

/** `undefined`: one of the keys signed it. */
async function lookAt(target: Source, repository: RepositoryName, digest: Digest, keys: readonly KeyObject[], signal: AbortSignal): Promise<string | undefined> {
  const reasons = new Set<string>()
  for await (const signature of attachedSignatures(target, repository, digest, { signal })) {
    try {
      if (signature.kind === 'bundle') verifyBundle(signature.bytes, keys, digest)
      else {
        const { manifest } = verifySigstore(signature, keys)
        if (manifest !== digest) throw new SigningError('SIGNATURE_INVALID', `a signature of ${manifest}`)
      }
      return undefined
    } catch (error) {
      if (!(error instanceof SigningError)) throw error
      // Another one may be good.
      reasons.add(error.message)
    }
  }
  return reasons.size === 0 ? 'it has no signature of cosign\'s' : [...reasons].join('; ')
}
