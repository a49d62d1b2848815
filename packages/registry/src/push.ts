// Makes a blob true in a repository by the cheapest sequence the registry allows, and owns every retry on the way:
//
//   mount? (begin.ts) ──201──► there    POST?digest ──201──► pushed
//     │ 202: session                       │ 202: session, and never again
//     ▼                                    ▼
//   POST (and the source opened beside it) ──► PUT everything ──► pushed
//                                                 │ 413            │ broke: GET session ──► PUT the rest
//                                                 ▼                ▼ the session is no more (docs/adr/0004)
//                                              PATCH, PATCH, … PUT ◄── POST anew
import { backoffMs, pause } from '@longshore/concurrency'
import { type Descriptor, RegistryError, type RepositoryName } from '@longshore/oci'
import type { Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { begin, singlePostBytes } from './begin.ts'
import { pushScope } from './scope.ts'
import { largestPart } from './capabilities.ts'
import { isTransient } from './failure.ts'
import type { Host } from './host.ts'
import { collect, Outlet } from './outlet.ts'
import { maxRedirects } from './paths.ts'
import { blobExists, cancel, patch, type Placement, postWhole, putRest, Redirected, type Session, start, status } from './upload.ts'

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
  const { mountFrom = [], mayExist = true } = options
  const begun = await begin(to, mountFrom, mayExist)
  if (begun === 'mounted' || begun === 'existed') return begun
  using _slot = await host.enter(host.lanes.write, options.signal)
  const upload = new Upload(to, open, options.onSent ?? (() => {}), begun)
  return await upload.run()
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
  #corrupted = false

  constructor(to: Placement, open: Opener, onSent: (bytes: number) => void, session: Session | undefined) {
    this.#to = to
    this.#open = open
    this.#onSent = onSent
    this.#session = session
    this.#what = `${to.host.registry}/${to.repository}@${to.desc.digest}`
  }

  async run(): Promise<PushOutcome> {
    const { host, signal } = this.#to
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
          if (this.#session) await cancel(this.#to, this.#session)
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
    const { host, desc } = this.#to
    const offset = this.#offset
    const [session, outlet] = await both(this.#started(), this.#outlet(offset), async (late) => { await late[Symbol.asyncDispose]() })
    await using source = outlet
    const onSent = (bytes: number): void => this.#tell(bytes)
    try {
      let at = session
      for (let { partBytes } = host.capabilities; desc.size - this.#offset > partBytes; { partBytes } = host.capabilities) {
        at = await patch(this.#to, this.#target(at), this.#offset, partBytes, { outlet: source, limit: partBytes, onSent })
        this.#session = at
        this.#offset += partBytes
        this.#detours = 0
      }
      await putRest(this.#to, this.#target(at), this.#offset, { outlet: source, limit: desc.size < 0 ? Infinity : desc.size - this.#offset, onSent })
    } catch (error) {
      this.#sourceFailure ??= source.failure
      throw error
    }
  }

  #target(session: Session): Session {
    const target = this.#detour ?? session
    this.#detour = undefined
    return target
  }

  async #started(): Promise<Session> { return this.#session ??= await start(this.#to) }

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
    if (error.code === 'DIGEST_INVALID') return !this.#corrupted && (this.#corrupted = true)
    return error.code.startsWith('BLOB_UPLOAD_') && attempt < this.#to.host.retries.attempts
  }

  /** A body was too long for the registry or a proxy before it: the next ones are shorter, for everyone. */
  #learnLimit(): boolean {
    const { capabilities } = this.#to.host
    const { size } = this.#to.desc
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
    const gone = said === 404 || said === 416 || (failure instanceof RegistryError && failure.code === 'DIGEST_INVALID')
    const held = session && !gone && this.#bytes === undefined ? await status(this.#to, session).catch(() => 'unknown' as const) : undefined
    if (held === 'unknown' || held === undefined) {
      if (session && !gone) await cancel(this.#to, session)
      this.#offset = 0
    } else {
      this.#session = held.session
      this.#offset = this.#to.desc.size < 0 || held.offset <= this.#to.desc.size ? held.offset : 0
    }
    if (session && !gone && held !== 'unknown') this.#learnForgetting(said, held === undefined)
    this.#takeBack()
    return false
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

/** Two things at once; when one fails, the other is waited for and, if it came about, let go. */
async function both<A, B>(first: Promise<A>, second: Promise<B>, release?: (late: B) => Promise<void>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second])
  // The source's failure says more than the session's.
  if (b.status === 'rejected') throw b.reason
  if (a.status === 'fulfilled') return [a.value, b.value]
  await release?.(b.value)
  throw a.reason
}
