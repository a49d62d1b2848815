// Makes a blob true in a repository by the cheapest sequence the registry allows, and owns every retry on the way:
//
//   mount? (begin.ts) ──201──► there    POST?digest ──201──► pushed
//     │ 202: session                       │ 202: session, and never again
//     ▼                                    ▼
//   POST (and the source opened beside it) ──► PUT everything ──► pushed
//                                                 │ 413            │ broke: GET session ──► PUT the rest
//                                                 ▼                ▼ the session is no more (docs/adr/0004)
//                                              PATCH, PATCH, … PUT ◄── POST anew
//
// With a checkpoint, a large blob goes in parts from the start, and what another process began is gone on with (docs/adr/0008).
import { backoffMs, pause } from '@longshore/concurrency'
import { type Descriptor, RegistryError, type RepositoryName } from '@longshore/oci'
import type { Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { begin, singlePostBytes } from './begin.ts'
import { pushScope } from './scope.ts'
import { largestPart } from './capabilities.ts'
import { Progress, resumableBytes } from './checkpoint.ts'
import { isTransient } from './failure.ts'
import type { Host } from './host.ts'
import { Gatherer } from './gather.ts'
import { collect, Outlet } from './outlet.ts'
import { maxRedirects } from './paths.ts'
import { blobExists, cancel, patch, type Placement, postWhole, putRest, Redirected, type Session, start, status, type Stream } from './upload.ts'

/** Up to this, a blob is sent from memory: one write, and nothing to reopen. */
const smallBytes = 256 * 1024
const smallestPart = 1024 * 1024
const refillBytes = 1024 * 1024
/** Of the token at one place of a blob. */
const maxRenewals = 3

export async function pushBlob(
  host: Host, repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions,
): Promise<PushOutcome> {
  const to: Placement = { host, repository, desc, signal: options.signal }
  const { mountFrom = [], mayExist = true, checkpoint } = options
  const progress = checkpoint && desc.size > resumableBytes ? new Progress(to, checkpoint) : undefined
  const inherited = await progress?.takeUp()
  // A session that is no more may have come to its end.
  const begun = inherited ? undefined : await begin(to, mountFrom, mayExist || (progress !== undefined && checkpoint?.saved !== undefined))
  if (begun === 'mounted' || begun === 'existed') return begun
  using _slot = await host.enter(host.lanes.write, options.signal)
  const upload = new Upload(to, open, options.onSent ?? (() => {}), inherited ?? { session: begun, offset: 0 }, progress)
  try {
    return await upload.run()
  } finally {
    await progress?.settle()
  }
}

class Upload {
  readonly #to: Placement
  readonly #open: Opener
  readonly #onSent: (bytes: number) => void
  readonly #what: string
  #session: Session | undefined
  /** Bytes that the registry is known to hold in this session. */
  #offset = 0
  /** Bytes told to `onSent`. */
  #told = 0
  #bytes: Buffer | undefined
  #sourceFailure: { readonly error: unknown } | undefined
  /** The most of it that the registry ever was known to hold. */
  #furthest = 0
  /** Where the next request goes instead, and how often that has been so since the last part. */
  #detour: Session | undefined
  #detours = 0
  /** 401 in a row, and the offset they came at. */
  #unauthorized = { times: 0, offset: -1 }
  /** Bytes of the body that was sent last. */
  #asked = 0
  #corrupted = false
  /** The session holds other bytes than the blob's. */
  #isWrong = false
  /** Of an upload that another process may go on with. */
  readonly #progress: Progress | undefined
  /** Another process sent the first bytes of this session. */
  #isInherited: boolean

  constructor(
    to: Placement, open: Opener, onSent: (bytes: number) => void, at: { readonly session: Session | undefined; readonly offset: number },
    progress: Progress | undefined,
  ) {
    this.#to = to
    this.#open = open
    this.#onSent = onSent
    this.#session = at.session
    this.#offset = this.#furthest = at.offset
    this.#progress = progress
    this.#isInherited = at.offset > 0
    this.#what = `${to.host.registry}/${to.repository}@${to.desc.digest}`
  }

  async run(): Promise<PushOutcome> {
    const { host, signal } = this.#to
    this.#takeBack()
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt()
        return 'pushed'
      } catch (caught) {
        if (caught instanceof Redirected && this.#detours++ < maxRedirects && !signal.aborted) {
          this.#detour = caught.session
          this.#takeBack()
          attempt--
          continue
        }
        const error = caught instanceof Redirected ? caught.refusal : caught
        if (this.#sourceFailure || signal.aborted || !this.#mayRetry(error, attempt)) {
          await this.#leave(error)
          if (this.#sourceFailure) throw this.#sourceFailure.error
          throw signal.aborted ? signal.reason : error
        }
        host.stats.retries++
        await pause(error instanceof RegistryError && error.status < 500 ? 0 : backoffMs(host.retries, attempt - 1), signal)
        const reached = this.#offset
        if (await this.#recover(error)) return 'pushed'
        // Only what was never reached before is progress: a registry that forgets all of it each time is not asked for ever.
        if (Math.max(reached, this.#offset) - this.#furthest >= refillBytes) {
          this.#furthest = Math.max(reached, this.#offset)
          attempt = 0
        }
      }
    }
  }

  /** Gives the session up, unless another process may go on with it: we were told to stop, or it is trouble that may pass. */
  async #leave(failure: unknown): Promise<void> {
    if (!this.#session) return
    const why = this.#sourceFailure ? this.#sourceFailure.error : failure
    const mayGoOn = this.#to.signal.aborted || this.#progress?.isHandOver(why) === true || isPassing(why)
    if (this.#progress && this.#told > 0 && mayGoOn) this.#progress.reached(this.#session, this.#offset)
    else await cancel(this.#to, this.#session)
  }

  async #attempt(): Promise<void> {
    const { size } = this.#to.desc
    if (size >= 0 && size <= smallBytes) await this.#sendSmall()
    else await this.#sendLarge()
  }

  async #sendSmall(): Promise<void> {
    const { capabilities } = this.#to.host
    const single = this.#session === undefined && this.#to.desc.size <= singlePostBytes
      && (capabilities.singlePost === 'yes' || capabilities.singlePost === 'unknown')
    if (single) {
      const learning = capabilities.singlePost === 'unknown'
      if (learning) capabilities.singlePost = 'asked'
      try {
        const bytes = await this.#collected()
        this.#session = await postWhole(this.#to, bytes)
        capabilities.singlePost = this.#session === undefined ? 'yes' : 'no'
        if (this.#session === undefined) {
          this.#tell(bytes.byteLength)
          return
        }
      } catch (error) {
        // A refusal is a lesson too; a broken connection or a lying source is none.
        if (capabilities.singlePost === 'asked') capabilities.singlePost = error instanceof RegistryError && !this.#sourceFailure ? 'no' : 'unknown'
        if (!(error instanceof RegistryError) || this.#sourceFailure || error.status >= 500 || error.status === 429 || error.status === 401) throw error
      }
    }
    const [session, bytes] = await both(this.#started(), this.#collected())
    await putRest(this.#to, session, 0, bytes)
    this.#tell(bytes.byteLength - this.#told)
  }

  async #sendLarge(): Promise<void> {
    const { desc } = this.#to
    const offset = this.#offset
    const [session, outlet] = await both(this.#started(), this.#outlet(offset), async (late) => { await late[Symbol.asyncDispose]() })
    await using source = outlet
    // A request that takes long is at stake as long: with a checkpoint it begins when there is something to send.
    using gatherer = this.#progress && new Gatherer()
    const onSent = (bytes: number): void => this.#tell(bytes)
    const body = async (limit: number): Promise<Stream> => {
      this.#progress?.throwIfHandedOver()
      const outlet = await gatherer?.fill(source, limit, () => {
        this.#to.signal.throwIfAborted()
        this.#progress?.throwIfHandedOver()
      }) ?? source
      return { outlet, limit, onSent }
    }
    try {
      // What is gathered is there before its request begins.
      if (!gatherer) await source.prime()
      let at = session
      for (let partBytes = this.#partBytes; desc.size - this.#offset > partBytes; partBytes = this.#partBytes) {
        this.#asked = partBytes
        at = await patch(this.#to, this.#target(at), this.#offset, partBytes, await body(partBytes))
        this.#session = at
        this.#offset += partBytes
        this.#progress?.reached(at, this.#offset)
        this.#detours = 0
      }
      this.#asked = desc.size - this.#offset
      await putRest(this.#to, this.#target(at), this.#offset, await body(desc.size < 0 ? Infinity : desc.size - this.#offset))
    } catch (error) {
      this.#sourceFailure ??= source.failure
      throw error
    }
  }

  /** The most bytes of one request. */
  get #partBytes(): number {
    const { partBytes, minChunkBytes } = this.#to.host.capabilities
    return this.#progress ? Math.max(minChunkBytes, Math.min(partBytes, largestPart)) : partBytes
  }

  #target(session: Session): Session {
    const target = this.#detour ?? session
    this.#detour = undefined
    return target
  }

  async #started(): Promise<Session> {
    this.#session ??= await start(this.#to)
    // A registry may keep what a broken request brought, so that even the first part need not be lost.
    this.#progress?.reached(this.#session, this.#offset)
    return this.#session
  }

  async #collected(): Promise<Buffer> {
    if (this.#bytes) return this.#bytes
    try {
      return this.#bytes = await collect(await this.#open(0))
    } catch (error) {
      this.#sourceFailure = { error }
      throw error
    }
  }

  async #outlet(offset: number): Promise<Outlet> {
    try {
      return new Outlet(await this.#open(offset), offset, this.#to.desc.size, this.#what)
    } catch (error) {
      this.#sourceFailure = { error }
      throw error
    }
  }

  #mayRetry(error: unknown, attempt: number): boolean {
    const { host } = this.#to
    if (error instanceof RegistryError) {
      switch (error.status) {
        // The token ran out in mid-blob; the next attempt brings a new one.
        case 401:
          this.#unauthorized = { times: this.#unauthorized.offset === this.#offset ? this.#unauthorized.times + 1 : 1, offset: this.#offset }
          return this.#unauthorized.times <= maxRenewals
        case 413: return this.#learnLimit()
        // The session is no more: expired, or served by another replica that does not know it.
        case 404: case 416: return this.#session !== undefined && attempt < host.retries.attempts
        case 400: return this.#afterBadRequest(error, attempt)
        default: break
      }
    }
    return attempt < host.retries.attempts && isTransient(error, true)
  }

  /** The stream hashed right and the registry says it did not: bytes were changed on the way. Once may be chance. */
  #afterBadRequest(error: RegistryError, attempt: number): boolean {
    // What another process sent was not hashed here: it is this answer that tells of wrong bytes then (P9). All is sent anew.
    if (error.code === 'DIGEST_INVALID' || this.#isInherited) {
      const mayRetry = this.#isInherited || !this.#corrupted
      if (!this.#isInherited) this.#corrupted = true
      this.#isWrong = true
      return mayRetry
    }
    return error.code.startsWith('BLOB_UPLOAD_') && attempt < this.#to.host.retries.attempts
  }

  /** A body was too long for the registry or a proxy before it: the next ones are shorter, for everyone. */
  #learnLimit(): boolean {
    const { capabilities } = this.#to.host
    const { size } = this.#to.desc
    // Another blob has learnt it meanwhile.
    if (capabilities.maxBodyBytes !== undefined && this.#asked > this.#partBytes) return true
    const last = capabilities.maxBodyBytes ?? Math.max(size, 2 * smallestPart)
    const next = Math.max(smallestPart, Math.min(largestPart, Math.ceil(last / 2)))
    if (size <= smallBytes || next >= last || next < capabilities.minChunkBytes) return false
    capabilities.maxBodyBytes = next
    return true
  }

  /** Finds out where things stand after a failure. @returns whether the blob is there after all */
  async #recover(failure: unknown): Promise<boolean> {
    const session = this.#session
    const said = failure instanceof RegistryError ? failure.status : undefined
    this.#detour = undefined
    // An answer that never touched the session.
    if (said === 401) {
      this.#takeBack()
      return false
    }
    this.#session = undefined
    // A 5xx or a broken connection may have come after the commit.
    if ((said === undefined || said >= 500) && session && await blobExists(this.#to, pushScope, false).catch(() => false)) {
      this.#tell(Math.max(0, this.#to.desc.size) - this.#told)
      return true
    }
    const gone = said === 404
    const isWrong = this.#isWrong
    const held = session && !gone && !isWrong && this.#bytes === undefined ? await this.#ask(session, said) : undefined
    if (held === 'unknown' && this.#progress) {
      // What it acknowledged it has. Whether it has more, its answer to the next part will tell.
      this.#session = session
    } else if (held === 'unknown' || held === undefined) {
      if (session && !gone) await cancel(this.#to, session)
      this.#offset = 0
      this.#isInherited = this.#isWrong = false
    } else {
      this.#session = held.session
      this.#offset = this.#to.desc.size < 0 || held.offset <= this.#to.desc.size ? held.offset : 0
    }
    if (session && !gone && !isWrong && held !== 'unknown') this.#learnForgetting(said, held === undefined)
    this.#takeBack()
    return false
  }

  /** Where the session stands; `undefined` when it is no more. */
  async #ask(session: Session, said: number | undefined): Promise<Awaited<ReturnType<typeof status>> | 'unknown'> {
    try {
      // The push's own retries are around this: one more try, as the answer may spare a large part of the blob.
      const held = await status(this.#to, session, { held: true, attempts: 2 })
      // 416 means that it stands elsewhere than we think. If it does not, this registry cannot go on there at all.
      return said === 416 && held?.offset === this.#offset ? undefined : held
    } catch (error) {
      // Its session is another process's now, and not to be given up.
      if (this.#progress && this.#to.signal.aborted) throw error
      return 'unknown'
    }
  }

  /** All that was sent is lost, and it was a break that did it: from now on no more than a part of a large blob shall be. */
  #learnForgetting(said: number | undefined, isGone: boolean): void {
    const broke = said === undefined || said >= 500
    const lost = this.#offset === 0 && (isGone || this.#told > largestPart)
    if (broke && lost && this.#to.desc.size > largestPart) this.#to.host.capabilities.forgetsSessions = true
  }

  #tell(bytes: number): void {
    if (bytes === 0) return
    this.#told += bytes
    this.#onSent(bytes)
  }

  #takeBack(): void { this.#tell(this.#offset - this.#told) }
}

/** Whatever side it is at. */
function isPassing(failure: unknown): boolean {
  return isTransient(failure, true) || (failure instanceof Error && isPassing(failure.cause))
}

/** Two things at once; when one fails, the other is waited for and, if it came about, let go. */
async function both<A, B>(first: Promise<A>, second: Promise<B>, release?: (late: B) => Promise<void>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second])
  // The source's failure says more than the session's.
  if (b.status === 'rejected') throw b.reason
  if (a.status === 'fulfilled') return [a.value, b.value]
  await release?.(b.value)
  throw a.reason
}
