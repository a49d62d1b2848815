import { type Digest, digestOf } from '@longshore/oci'

/** Which blobs are read and hashed. A blob is in a sample by its digest alone, so every image and every process chooses the same ones. */
export interface Sample {
  /** More than 0, at most 100. */
  readonly percent: number
  /** The same salt makes the same choice; another one makes another. */
  readonly salt: string
}

export const everyBlob: Sample = { percent: 100, salt: '' }

const range = 2 ** 48

export function isInSample(digest: Digest, { percent, salt }: Sample): boolean { return percent >= 100 || rankIn(digest, salt) < percent }

/** From which percentage on the blob is in samples with this salt. */
export function rankIn(digest: Digest, salt: string): number { return Number.parseInt(digestOf(Buffer.from(`${salt} ${digest}`)).slice(-12), 16) / range * 100 }
