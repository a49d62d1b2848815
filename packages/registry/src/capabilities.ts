import { Limiter } from '@longshore/concurrency'

/** Bytes: enough that a part's own request costs nothing to speak of, few enough to send once more. */
export const largestPart = 32 * 1024 * 1024

/** So many refusals and never a success make a rule; fewer are about single repositories. */
const refusedMounts = 8
const refusedRepositories = 3

/** Answers about a kind of request as such, whatever the repository. */
function isUnsupported(status: number): boolean { return status === 400 || status === 405 || status === 501 }

/** What one registry can do, learnt by using it. Never asked: which product it is. */
export class Capabilities {
  /** `POST …/uploads/?digest=` with the body. `asked`: one blob is finding out, the others take the ordinary way. */
  singlePost: 'unknown' | 'asked' | 'yes' | 'no' = 'unknown'
  /** `POST …?mount=&from=` has ever been answered with 201 for another repository. `no`: it is not asked any more. */
  mount: 'unknown' | 'yes' | 'no' = 'unknown'
  #mountsRefused = 0
  /** The same from the repository itself tells whether the blob is there. `no`: it is not answered, or 202 although it is there. */
  selfMount: 'unknown' | 'yes' | 'no' = 'unknown'
  readonly #selfMountRefusedBy = new Set<string>()
  #selfMountTaken = false
  /** The referrers API. Whoever asks first finds out for all: the others wait for their turn. */
  readonly referrersTurn = new Limiter(1)
  referrers: 'unknown' | 'yes' | 'no' = 'unknown'
  /** Repositories that would not answer (401, 403, 406), as long as none has. */
  readonly #referrersRefusedBy = new Set<string>()
  /** `no`: a tag is not deleted by its name here. */
  tagDeletes: 'unknown' | 'no' = 'unknown'
  /** The most bytes a request's body may have, once one was refused for its length (413). */
  maxBodyBytes: number | undefined
  /** A request that broke took its upload session with it: large blobs go in parts, so that the next break costs a part. */
  forgetsSessions = false
  /** The least bytes of a chunk but the last (`OCI-Chunk-Min-Length`). */
  minChunkBytes = 0

  /** A mount out of another repository was answered. */
  mountAnswered(status: number): void {
    if (status === 201) this.mount = 'yes'
    if (this.mount !== 'unknown') return
    if (isUnsupported(status) || ++this.#mountsRefused >= refusedMounts) this.mount = 'no'
  }

  /** Asking costs nothing where the answer brings a session; a repository that refused would have to be asked for one again. */
  maySelfMount(repository: string): boolean {
    return this.selfMount !== 'no' && !this.#selfMountRefusedBy.has(repository)
  }

  /** A mount of the repository from itself was answered. */
  selfMountAnswered(repository: string, status: number): void {
    if (status === 201) this.selfMount = 'yes'
    if (status === 201 || status === 202) {
      this.#selfMountTaken = true
      return
    }
    this.#selfMountRefusedBy.add(repository)
    if (isUnsupported(status) || this.#selfMountRefusedBy.size >= refusedRepositories) {
      if (!this.#selfMountTaken) this.selfMount = 'no'
    }
  }

  /** It was answered 202, and the blob is there: such an answer is no proof of absence. */
  selfMountMissed(): void {
    if (this.selfMount === 'unknown') this.selfMount = 'no'
  }

  /** A repository did not allow to list referrers. Three of them, and no other answer before: the API is not there for us. */
  referrersRefused(repository: string): void {
    if (this.referrers !== 'unknown') return
    this.#referrersRefusedBy.add(repository)
    if (this.#referrersRefusedBy.size >= refusedRepositories) this.referrers = 'no'
  }

  hasRefusedReferrers(repository: string): boolean { return this.#referrersRefusedBy.has(repository) }

  /** The bytes of one part of a large blob; Infinity where one request takes it all. */
  get partBytes(): number {
    return Math.max(this.minChunkBytes, Math.min(this.maxBodyBytes ?? Infinity, this.forgetsSessions ? largestPart : Infinity))
  }
}
