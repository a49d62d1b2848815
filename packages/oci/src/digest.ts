import { createHash, type Hash } from 'node:crypto'
import type { Brand } from './brand.ts'
import { InvalidReferenceError } from './errors.ts'

/** `algorithm:encoded`, lower-case hex. OCI image-spec v1.1.1, descriptor.md#digests. */
export type Digest = Brand<string, 'Digest'>

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

export function isDigest(text: string): text is Digest {
  return pattern.test(text)
}

/** @throws InvalidReferenceError when `text` is not a sha256 or sha512 digest in lower-case hex. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new InvalidReferenceError(text, 'a digest is sha256: and 64, or sha512: and 128, lower-case hex digits')
}

/** The hash that `digest` names, `sha256` or `sha512`. */
export function algorithmOf(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512'
}

/** The hex part, without the algorithm. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

export function hasherFor(digest: Digest): Hash {
  return createHash(algorithmOf(digest))
}

/** The digest of `bytes`, by the given algorithm. */
export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}
