// copy and sync on the engine: what each request means is settled beforehand (which image of a list, whether the policy lets it in, what it is signed
// with), then everything moves together.
import { pause, workStream } from '@longshore/concurrency'
import { descriptorOf, type Digest, type ErrorRecord, type ImageIndex, InvalidManifestError, isIndexType, type Platform } from '@longshore/oci'
import type { RunEvent } from '@longshore/report'
import {
  type CopyOptions, formatEnd, type ImageId, imageId, ImageNotFoundError, type InFlight, type Io, migrate, type Signature, type Source, type Transports, type Wanted,
} from '@longshore/transfer'
import { createRuntime } from '../wire.ts'
import { type CopyRequest, toImage, withReference } from './copy-request.ts'
import { chooseInstance, type Wanted as WantedPlatform } from './open-image.ts'
import { isRetryable } from './retry.ts'
import { SkopeoError } from './skopeo-error.ts'

/** What is done with an image that turns out to be a list. */
export type ListHandling =
  /** One image of it: the one for this platform. */
  | { readonly kind: 'system'; readonly platform: WantedPlatform }
  | { readonly kind: 'all' }
  /** The list itself; its images are there already, or are left out. */
  | { readonly kind: 'index-only' }
  | { readonly kind: 'platforms'; readonly platforms: readonly Platform[]; readonly policy: CopyOptions['platformPolicy'] }

/** Signatures beside the images, and the policy. What is not allowed is not moved; what cannot be signed is not either. */
export interface SignatureHandling {
  /** The signatures to be carried along. @throws where the policy rejects the image */
  admit(source: CopyRequest['source'], manifest: Digest, io: Io): Promise<readonly Signature[]>
  /** Whether each image of a list has to be allowed in its own right. */
  readonly judgesChildren: boolean
  /** @throws where the destination keeps no signatures */
  check(destination: CopyRequest['destination']): void
  readonly signs: boolean
  /** New ones for what the destination will have. @throws where they cannot be made */
  sign(destination: CopyRequest['destination'], manifest: Digest, io: Io): Promise<readonly Signature[]>
  store(destination: CopyRequest['destination'], manifest: Digest, signatures: readonly Signature[], io: Io): Promise<void>
}

export interface CopySettings {
  /** As the images are read, and as they become (`--format` and the like). */
  readonly raw: (registry: string) => Source
  readonly transports: Transports
  readonly lists: ListHandling
  readonly signatures: SignatureHandling
  /** Retries of what failed and may pass, after the engine's own. */
  readonly retryTimes: number
  /** Milliseconds; 0: 1 s, then twice as long each time, as skopeo does. */
  readonly retryDelayMs: number
  readonly keepGoing: boolean
  /** Jobs of a kind that run at once. */
  readonly blobs: number
  readonly onEvent: (event: RunEvent) => void
  readonly onPrepared?: (prepared: PreparedCopy) => void
  readonly onRetry?: (retry: { readonly times: number; readonly delayMs: number; readonly failed: readonly FailedCopy[] }) => void
  readonly inFlight: Set<InFlight>
  readonly stop: AbortSignal
}

export interface PreparedCopy {
  readonly request: CopyRequest
  readonly wanted: Wanted
  readonly signatures: readonly Signature[]
}
export interface CopiedImage { readonly request: CopyRequest; readonly outcome: 'copied' | 'present'; readonly digest: Digest }
/** `record`: of the engine; `error`: of what was settled before. */
export interface FailedCopy { readonly request: CopyRequest; readonly error?: unknown; readonly record?: ErrorRecord; readonly hint?: string }
export interface CopyOutcome { readonly copied: readonly CopiedImage[]; readonly failed: readonly FailedCopy[]; readonly stopped: boolean }

const window = 512
const graceMs = 10_000
const respiteMs = 2_000
/** Images that are looked at side by side before they move. */
const lookedAt = 32

/** Moves them all. What fails alone is in the outcome; it throws the signal's reason, and what nobody foresaw. */
export async function runCopies(requests: readonly CopyRequest[], settings: CopySettings, signal: AbortSignal): Promise<CopyOutcome> {
  const copied: CopiedImage[] = []
  let left = requests
  for (let attempt = 0; ; attempt++) {
    const run = new CopyRun(settings, signal)
    const outcome = await run.run(left)
    copied.push(...outcome.copied)
    const again = outcome.stopped || attempt >= settings.retryTimes ? [] : outcome.failed.filter(mayPass)
    const final = outcome.failed.filter((one) => !again.includes(one))
    if (again.length === 0 || (final.length > 0 && !settings.keepGoing)) return { copied, failed: outcome.failed, stopped: outcome.stopped }
    const delayMs = settings.retryDelayMs > 0 ? settings.retryDelayMs : 1000 * 2 ** attempt
    settings.onRetry?.({ times: attempt + 1, delayMs, failed: again })
    await pause(delayMs, signal)
    left = again.map((one) => one.request)
    if (final.length > 0) {
      const rest = await runCopies(left, { ...settings, retryTimes: settings.retryTimes - attempt - 1 }, signal)
      return { copied: [...copied, ...rest.copied], failed: [...final, ...rest.failed], stopped: rest.stopped }
    }
  }
}

/** What the engine told came over as a record, which has the names and codes of the error that it was. */
function mayPass({ error, record }: FailedCopy): boolean {
  if (!record) return isRetryable(error)
  for (let e: ErrorRecord | undefined = record; e; e = e.cause) {
    if (e.name === 'ConnectionError') return e.code !== 'TLS_FAILED' && e.code !== 'NOT_A_REGISTRY'
    if (e.name === 'RegistryError') return (e.status ?? 0) >= 500 || e.status === 429
  }
  return false
}

class CopyRun {
  readonly #with: CopySettings
  readonly #signal: AbortSignal
  readonly #prepared = new Map<ImageId, PreparedCopy>()
  readonly #copied: CopiedImage[] = []
  readonly #failed: FailedCopy[] = []
  readonly #storing = new Set<Promise<void>>()
  /** One failure is the end of it, where the others are not to go on. */
  readonly #halt = new AbortController()

  constructor(settings: CopySettings, signal: AbortSignal) {
    this.#with = settings
    this.#signal = signal
  }

  async run(requests: readonly CopyRequest[]): Promise<CopyOutcome> {
    const { transports, inFlight, keepGoing, stop, blobs } = this.#with
    const result = await migrate(this.#wanted(requests), {
      transports, ...createRuntime(), onEvent: (event) => this.#hear(event), inFlight, window, jobs: { images: 64, blobs, manifests: 64 },
      graceMs, respiteMs, keepGoing, stop: AbortSignal.any([stop, this.#halt.signal]),
    }, this.#signal)
    await Promise.all(this.#storing)
    return { copied: this.#copied, failed: this.#failed, stopped: result.stopped && stop.aborted }
  }

  async *#wanted(requests: readonly CopyRequest[]): AsyncGenerator<Wanted, void, void> {
    const items = async function* (): AsyncGenerator<CopyRequest> { yield* requests }
    const halted = AbortSignal.any([this.#signal, this.#halt.signal])
    for await (const prepared of workStream(halted, lookedAt, items(), (request, signal) => this.#prepare(request, { signal }))) {
      if ('wanted' in prepared) {
        this.#prepared.set(imageId(prepared.wanted.image), prepared)
        this.#with.onPrepared?.(prepared)
        yield prepared.wanted
      } else {
        this.#fail(prepared)
        if (!this.#with.keepGoing) return
      }
    }
  }

  async #prepare(request: CopyRequest, io: Io): Promise<PreparedCopy | FailedCopy> {
    try {
      return await prepare(request, this.#with, io)
    } catch (error) {
      if (io.signal.aborted) throw error
      return { request, error }
    }
  }

  #hear(event: Parameters<CopySettings['onEvent']>[0]): void {
    if (event.type === 'done') this.#settle(event)
    else if (event.type === 'failed') {
      const prepared = this.#prepared.get(imageId(event.image))
      if (prepared) this.#failed.push({ request: prepared.request, record: event.error, hint: event.hint })
    }
    this.#with.onEvent(event)
  }

  #settle({ image, outcome, digest, rewritten }: Extract<RunEvent, { type: 'done' }>): void {
    const id = imageId(image)
    const prepared = this.#prepared.get(id)
    if (!prepared) return
    this.#prepared.delete(id)
    const now = rewritten ?? digest
    const copied: CopiedImage = { request: prepared.request, outcome, digest: now }
    if (prepared.signatures.length === 0) {
      this.#copied.push(copied)
      return
    }
    const task = this.#store(copied, prepared.signatures).finally(() => this.#storing.delete(task))
    this.#storing.add(task)
  }

  async #store(copied: CopiedImage, signatures: readonly Signature[]): Promise<void> {
    try {
      await this.#with.signatures.store(copied.request.destination, copied.digest, signatures, { signal: this.#signal })
      this.#copied.push(copied)
    } catch (error) {
      this.#fail({ request: copied.request, error })
    }
  }

  #fail(failed: FailedCopy): void {
    this.#failed.push(failed)
    if (!this.#with.keepGoing) this.#halt.abort()
  }
}

/**
 * Settles what a request means. Only the digest is asked for where nothing more is needed: a `GET` counts as a pull.
 * @throws whatever keeps the image from being moved
 */
async function prepare(request: CopyRequest, { raw, transports, lists, signatures }: CopySettings, io: Io): Promise<PreparedCopy> {
  const source = raw(request.source.registry)
  const { repository } = request.source
  let desc = await source.resolve(repository, request.source.reference, io)
  if (!desc) throw new ImageNotFoundError(formatEnd(request.source), 'source')
  if (lists.kind === 'system' && isIndexType(desc.mediaType)) desc = chooseInstance(await readIndex(source, withReference(request.source, desc.digest), io), lists.platform)
  // What is judged is what is moved, whatever the tag names by then; the policy speaks of the name that was asked for.
  const from = withReference(request.source, desc.digest)
  const carried = [...await signatures.admit(request.source, desc.digest, io)]
  if (signatures.judgesChildren && isIndexType(desc.mediaType) && lists.kind !== 'index-only') await admitChildren(from, request.source, { source, signatures }, io)
  if (carried.length > 0) signatures.check(request.destination)
  const becomes = transports.source(from.registry)
  if (becomes !== source && (carried.length > 0 || signatures.signs)) {
    const made = await becomes.manifest(repository, from.reference, io)
    if (!made) throw new ImageNotFoundError(formatEnd(from), 'source')
    if (carried.length > 0 && made.digest !== desc.digest) throw new SkopeoError(`${formatEnd(request.source)} is signed, and another image once it is changed: leave its signatures behind with --remove-signatures, or the image as it is with --preserve-digests`)
    desc = descriptorOf(made)
  }
  carried.push(...await signatures.sign(request.destination, desc.digest, io))
  return { request, signatures: carried, wanted: { image: toImage({ ...request, source: from }), options: optionsOf(lists) } }
}

async function readIndex(source: Source, at: CopyRequest['source'], io: Io): Promise<ImageIndex> {
  const manifest = await source.manifest(at.repository, at.reference, io)
  if (!manifest) throw new ImageNotFoundError(formatEnd(at), 'source')
  if (manifest.kind !== 'index') throw new InvalidManifestError(formatEnd(at), 'is no list, though its media type says so')
  return manifest
}

/** Their signatures stay where they are: the list's own are carried. */
async function admitChildren(at: CopyRequest['source'], named: CopyRequest['source'], context: { readonly source: Source; readonly signatures: SignatureHandling }, io: Io): Promise<void> {
  for (const { digest, mediaType } of (await readIndex(context.source, at, io)).manifests) {
    await context.signatures.admit(named, digest, io)
    if (isIndexType(mediaType)) await admitChildren(withReference(at, digest), named, context, io)
  }
}

function optionsOf(lists: ListHandling): CopyOptions {
  const base = { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep' } as const
  switch (lists.kind) {
    case 'platforms': return { ...base, platforms: lists.platforms, platformPolicy: lists.policy }
    case 'index-only': return { ...base, indexOnly: true }
    case 'system':
    case 'all': return base
  }
}
