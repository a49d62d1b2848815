/** What one registry can do, learnt by using it. Never asked: which product it is. */
export class Capabilities {
  /** `POST …/uploads/?digest=` with the body. `asked`: one blob is finding out, the others take the ordinary way. */
  singlePost: 'unknown' | 'asked' | 'yes' | 'no' = 'unknown'
  /** `POST …?mount=&from=` is answered with 201 or 202, not with a refusal. */
  mount: 'unknown' | 'yes' | 'no' = 'unknown'
  /** The referrers API. */
  referrers: 'unknown' | 'yes' | 'no' = 'unknown'
  /** The most bytes a request's body may have, once one was refused for its length (413). */
  maxBodyBytes: number | undefined
  /** The least bytes of a chunk but the last (`OCI-Chunk-Min-Length`). */
  minChunkBytes = 0
}
