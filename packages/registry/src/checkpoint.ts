// Where a large upload stands, kept outside this process (docs/adr/0008): told to whoever keeps it, and taken up again from there.
import type { Checkpoint, UploadPoint } from '@longshore/transfer'
import { resolveLocation } from './paths.ts'
import { cancel, type Placement, type Session, status } from './upload.ts'

/** Bytes. Two parts: what is no larger costs as much to send once more as one lost part of what is, and goes in one request. */
export const resumableBytes = 64 * 1024 * 1024

/** Tells a checkpoint how far an upload has come: one call at a time, and the newest point only. */
export class Progress {
  readonly #to: Placement
  readonly #checkpoint: Checkpoint
  #next: UploadPoint | undefined
  #saving: Promise<void> | undefined

  constructor(to: Placement, checkpoint: Checkpoint) {
    this.#to = to
    this.#checkpoint = checkpoint
  }

  /** A part is at its end, and another process shall send the next one. @throws the reason */
  throwIfHandedOver(): void { this.#checkpoint.handOver?.throwIfAborted() }

  isHandOver(error: unknown): boolean { return this.#checkpoint.handOver?.aborted === true && error === this.#checkpoint.handOver.reason }

  reached({ origin, path }: Session, offset: number): void {
    this.#next = { location: origin === undefined ? path : origin + path, offset }
    this.#saving ??= this.#save()
  }

  /** Waits until the newest point is told. */
  async settle(): Promise<void> { await this.#saving }

  async #save(): Promise<void> {
    for (let point = this.#next; point !== undefined; point = this.#next) {
      this.#next = undefined
      // An older point that is still kept, or none, is right too: the registry is asked anyway.
      await this.#checkpoint.save(point).catch(() => {})
    }
    this.#saving = undefined
  }

  /**
   * The session that an earlier process left, at the offset that the registry says; `undefined` when it is no more, or cannot be
   * told of. The kept offset is never believed: a registry may have lost what came last, or have got more than was noted.
   */
  async takeUp(): Promise<{ readonly session: Session; readonly offset: number } | undefined> {
    const { saved } = this.#checkpoint
    if (saved === undefined) return undefined
    const { host, desc, signal } = this.#to
    await host.ready(signal)
    const at = resolveLocation(saved.location, host.origin, '/')
    if (at === undefined) return undefined
    // Another origin is shown no credentials, whoever wrote it down.
    const session = at.origin === host.origin ? { path: at.path } : at
    try {
      const held = await status(this.#to, session, { held: false, attempts: host.retries.attempts })
      if (held === undefined || held.offset <= desc.size) return held
      await cancel(this.#to, held.session, false)
    } catch (error) {
      if (signal.aborted) throw error
      // It answers nothing of use: a new session always leads on, this one would only by luck.
    }
    return undefined
  }
}
