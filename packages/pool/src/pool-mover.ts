// Passes and verifications of cutovers as migrations of the pool. Each is kept by its number, so that whoever takes over goes on with it, or finds
// what came of it.
import type { Access } from '@longshore/access'
import { type Mover, passOutcome, type PassOrder, type PassOutcome, signatureCheckOf, signatureSummary, type VerifyOrder, verificationSummary, type VerifyOutcome } from '@longshore/cutover'
import { type ErrorRecord, isDigest, toRecord } from '@longshore/oci'
import type { Tally } from '@longshore/report'
import { verifySignatures } from '@longshore/signing'
import { type CheckedImage, formatEnd, hintFor, type Image, type Target, VerificationSum, type Verification, type Wanted } from '@longshore/transfer'
import type { RedisCutoverStore } from './cutover-store.ts'
import type { Ears } from './ears.ts'
import { MigrationEndedError, MigrationNotFoundError, PassFailedError } from './errors.ts'
import { endStates, type MigrationHead, type MigrationRecord, type PoolOptions, type PoolTask } from './migration-record.ts'
import type { PoolStore } from './pool-store.ts'

export interface PoolMoverOptions {
  readonly store: PoolStore
  readonly cutovers: RedisCutoverStore
  readonly ears: Ears
  /** The registries of a migration, with this process' own credentials: it looks for tags that nobody expects. */
  readonly openAccess: (record: MigrationRecord) => Promise<Access>
  /** Sees a migration to its end where this process has to; elsewhere, some coordinator does. */
  readonly lead?: (id: string, signal: AbortSignal) => Promise<unknown>
}

/** Images that may be open at once, as `migrate` has it. */
const window = 512
/** The number under which the verification is kept; passes count from 1. */
const verification = 0
const listings = 64
/** Whoever waits for a migration hears of its end, and looks as often as this in case that the word was lost. */
const lookMs = 1_000
/** For what is in hand when a pass is cut off. */
const leaveMs = 20_000

export class PoolMover implements Mover {
  readonly #with: PoolMoverOptions

  constructor(options: PoolMoverOptions) { this.#with = options }

  async pass(order: PassOrder, signal: AbortSignal): Promise<PassOutcome> {
    const { store, cutovers } = this.#with
    const { cutover, number, spec, changes } = order
    await this.#forget(cutover, number)
    const options = passOptions(order)
    const known = (await cutovers.passes(cutover)).get(number)
    const before = known === undefined ? undefined : await store.head(known)
    let id = known
    if (!before || isOther(before.options, options)) {
      // What it began with other changes first comes to its end: two that move the same tags at once would not do so in order.
      if (before) await this.#ended(before.id, signal)
      const { record, resumed } = await store.submit(spec, options)
      id = record.id
      try {
        await cutovers.setPass(cutover, number, id)
      } catch (error) {
        // Another process leads by now: where it is past this pass, nobody waits for what was begun here.
        if (!resumed && (await cutovers.head(cutover))?.current?.number !== number) await store.cancel(id)
        throw error
      }
    }
    return await passOutcome(await this.#outcome(id ?? '', signal), spec, changes)
  }

  async verify({ cutover, spec, options, agesAt, deepPercent, signatures: asked }: VerifyOrder, signal: AbortSignal): Promise<VerifyOutcome> {
    const { store, cutovers } = this.#with
    const before = (await cutovers.passes(cutover)).get(verification)
    // One that was brought to its end while nobody led the cutover is of a time that nobody knows.
    if (before !== undefined && endStates.has((await store.head(before))?.state ?? 'running')) await store.erase(before)
    const { record } = await store.submit(spec, {
      ...migrationOptions(options, { kind: 'verify', deep: deepPercent > 0 && { percent: deepPercent, salt: cutover } }, `${cutover}/verify`, `verification of ${options.name ?? cutover}`),
      ...(agesAt === undefined ? {} : { agesAt }),
    })
    await cutovers.setPass(cutover, verification, record.id)
    const { unlisted } = await this.#outcome(record.id, signal)
    const sum = new VerificationSum()
    const signing = asked && signatureCheckOf(asked)
    const images: Image[] = []
    for await (const { wanted, details, error } of store.ledger(record.id).results()) {
      sum.add(wanted.image, details === undefined ? unchecked(wanted, error) : details as CheckedImage)
      if (signing?.asksFor(wanted.image) === true) images.push(wanted.image)
    }
    await using access = await this.#with.openAccess(record)
    const target = (registry: string): Target => access.transports.target(registry)
    const found = await search(sum, target, signal)
    const signatures = signing && signatureSummary(await verifySignatures(images, { target, keys: signing.keys, concurrency: listings }, signal))
    await store.erase(record.id)
    return verificationSummary({ ...found, unlisted, deepPercent, ...(signatures === undefined ? {} : { signatures }) })
  }

  async drop(cutover: string): Promise<void> {
    const { store, cutovers } = this.#with
    for (const migration of (await cutovers.passes(cutover)).values()) {
      const state = (await store.head(migration))?.state
      if (state !== undefined && !endStates.has(state)) await this.#leave(migration)
    }
  }

  /** @throws what ended the migration as a whole, MigrationEndedError, the signal's reason */
  async #outcome(id: string, signal: AbortSignal): Promise<Tally> {
    const { store } = this.#with
    const { state, error } = await this.#ended(id, signal)
    if (state === 'failed' && error) throw new PassFailedError(error)
    if (state !== 'complete') throw new MigrationEndedError(id)
    return await store.tally(id)
  }

  async #ended(id: string, signal: AbortSignal): Promise<MigrationHead> {
    const { store, ears, lead } = this.#with
    const over = new AbortController()
    // What goes wrong with it is in its record.
    const leading = lead?.(id, AbortSignal.any([signal, over.signal])).catch(() => {})
    let heard = Promise.withResolvers<void>()
    using _ear = ears.onControl(({ migration }) => { if (migration === id) heard.resolve() })
    const stop = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => stop.resolve(), { once: true })
    try {
      for (;;) {
        if (signal.aborted) {
          if (isCut(signal.reason)) await this.#leave(id)
          throw signal.reason
        }
        const head = await store.head(id)
        if (!head) throw new MigrationNotFoundError(id)
        if (endStates.has(head.state)) return head
        await within(lookMs, heard.promise, stop.promise)
        heard = Promise.withResolvers<void>()
      }
    } finally {
      over.abort()
      await leading
    }
  }

  /** Cut off: what is in hand is dropped, and nothing of it comes any more when this returns. */
  async #leave(id: string): Promise<void> {
    const { store } = this.#with
    await store.cancel(id).catch(() => { /* it has ended */ })
    const until = performance.now() + leaveMs
    while (performance.now() < until && (await store.active()).includes(id)) await within(lookMs / 4)
  }

  /** The migrations of earlier passes: each has a result for every image. Bulk stays for as long as any migration does. */
  async #forget(cutover: string, number: number): Promise<void> {
    const { store, cutovers } = this.#with
    const old = [...await cutovers.passes(cutover)].filter(([pass]) => pass > 1 && pass < number)
    for (const [, migration] of old) if (await store.head(migration)) await store.erase(migration)
    await cutovers.forgetPasses(cutover, old.map(([pass]) => pass))
  }
}

/** Nobody could look at it: that is told of the image, and of no other. */
function unchecked({ image }: Wanted, error: ErrorRecord = { name: 'Error', code: 'UNKNOWN', message: 'unknown' }): CheckedImage {
  const what = formatEnd(image.destination)
  return { findings: [{ image, problem: 'failed', what, error, hint: hintFor(error) }], manifests: 0, blobs: [], contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0, tags: isDigest(image.destination.reference) ? [] : [image.destination.reference] }
}

/** Tags at the destination that nobody expects. */
async function search(sum: VerificationSum, target: (registry: string) => Target, signal: AbortSignal): Promise<{ readonly verification: Verification; readonly unsearched?: ErrorRecord }> {
  try {
    return { verification: await sum.end(target, listings, signal) }
  } catch (error) {
    signal.throwIfAborted()
    return { verification: sum.soFar(), unsearched: toRecord(error) }
  }
}

function passOptions({ cutover, number, kind, options, agesAt, changes }: PassOrder): PoolOptions {
  return {
    ...migrationOptions(options, { kind: 'migrate' }, `${cutover}/${number}`, `${kind} pass ${number} of ${options.name ?? cutover}`), agesAt,
    ...(changes === undefined ? { asks: kind === 'delta' ? 'changed' : 'all' } : { asks: 'named', changes }),
  }
}

function migrationOptions({ srcTlsVerify, destTlsVerify }: PassOrder['options'], task: PoolTask, pass: string, name: string): PoolOptions {
  return { task, srcTlsVerify, destTlsVerify, keepGoing: true, distrust: false, window, name, pass }
}

/** Whether a pass that was begun before is to move something else by now. */
function isOther(before: PoolOptions, now: PoolOptions): boolean { return JSON.stringify(before.changes) !== JSON.stringify(now.changes) }

function isCut(reason: unknown): boolean { return reason instanceof Error && (reason.name === 'DivertedError' || reason.name === 'DeadlineError') }

async function within(ms: number, ...others: ReadonlyArray<Promise<void>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([...others, new Promise<void>((resolve) => { timer = setTimeout(resolve, ms) })])
  clearTimeout(timer)
}
