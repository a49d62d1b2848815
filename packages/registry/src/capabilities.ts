import { Limiter } from '@longshore/concurrency'

/** Bytes: enough that a part's own request costs nothing to speak of, few enough to send once more. */
export const largestPart = 32 * 1024 * 1024

/** What one registry can do, learnt by using it. Never asked: which product it is. */
export class Capabilities {
  /** `POST …/uploads/?digest=` with the body. `asked`: one blob is finding out, the others take the ordinary way. */
  singlePost: 'unknown' | 'asked' | 'yes' | 'no' = 'unknown'
  /** `POST …?mount=&from=` is answered with 201 or 202, not with a refusal. */
  mount: 'unknown' | 'yes' | 'no' = 'unknown'
  /** The referrers API. Whoever asks first finds out for all: the others wait for their turn. */
  readonly referrersTurn = new Limiter(1)
  referrers: 'unknown' | 'yes' | 'no' = 'unknown'
  /** The most bytes a request's body may have, once one was refused for its length (413). */
  maxBodyBytes: number | undefined
  /** A request that broke took its upload session with it: large blobs go in parts, so that the next break costs a part. */
  forgetsSessions = false
  /** The least bytes of a chunk but the last (`OCI-Chunk-Min-Length`). */
  minChunkBytes = 0

  /** The bytes of one part of a large blob; Infinity where one request takes it all. */
  get partBytes(): number {
    return Math.max(this.minChunkBytes, Math.min(this.maxBodyBytes ?? Infinity, this.forgetsSessions ? largestPart : Infinity))
  }
}
