// What the criteria ask of signatures, ready to be looked at.
import type { KeyObject } from 'node:crypto'
import { parseSigstorePublicKey, type SignatureReport } from '@longshore/signing'
import { type Criteria, matcherOf, parsePattern } from '@longshore/spec'
import type { Image } from '@longshore/transfer'
import type { VerificationSummary } from './record.ts'

/** A record is read and written whole. */
const kept = 50

export interface SignatureCheck {
  readonly keys: readonly KeyObject[]
  /** Whether the criteria speak of an image. */
  readonly asksFor: (image: Image) => boolean
}

/** @throws SigningError SIGNING_KEY_INVALID */
export function signatureCheckOf({ keys, repositories }: NonNullable<Criteria['signatures']>): SignatureCheck {
  const matchers = repositories?.map((text) => matcherOf(parsePattern(text)))
  return {
    keys: keys.map((key, i) => parseSigstorePublicKey(Buffer.from(key), `key ${i + 1} of cutover.criteria.signatures`)),
    asksFor: ({ destination: { repository } }) => matchers?.some((matcher) => matcher.test(repository)) ?? true,
  }
}

export function signatureSummary({ checked, verified, unsigned }: SignatureReport): NonNullable<VerificationSummary['signatures']> {
  return { checked, verified, unsigned: unsigned.slice(0, kept).map(({ destination, why }) => `${destination}: ${why}`) }
}
