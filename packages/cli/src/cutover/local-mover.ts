// The engine of this process as what a cutover moves and looks with.
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Mover, type PassKind, type PassOrder, type PassOutcome, passOutcome, signatureCheckOf, signatureSummary, verificationSummary, type VerifyOrder, type VerifyOutcome } from '@longshore/cutover'
import { countNamed, printFailedList, type RunEvent, type Tally } from '@longshore/report'
import { check } from '../commands/verify.ts'
import type { Config } from '../config.ts'
import type { VerifyFlags } from '../flags.ts'
import { type MoveFlags, moveHere, type Seen } from '../move-here.ts'

export interface LocalMoverOptions {
  readonly flags: MoveFlags & VerifyFlags
  readonly config: Config
  /** Drops everything, where the signal of a pass lets what is on its way arrive. */
  readonly abort: AbortSignal
  /** Where the list of what failed is left. */
  readonly folder: string
  /** Who watches the pass that runs; `undefined` when it is over. */
  readonly onSeen: (seen: Seen | undefined) => void
}

export class LocalMover implements Mover {
  readonly #options: LocalMoverOptions
  constructor(options: LocalMoverOptions) { this.#options = options }

  async pass({ kind, spec, agesAt, changes }: PassOrder, signal: AbortSignal): Promise<PassOutcome> {
    const { flags, config, abort, folder, onSeen } = this.#options
    try {
      const { tally } = await moveHere(spec, flags, config, {
        keepsEntries: false, stop: signal, abort, named: changes ? undefined : countNamed(spec), onSeen, hides: (event) => isNoNews(event, kind),
        now: new Date(agesAt), asks: changes ? 'named' : kind === 'delta' ? 'changed' : 'all', ...(changes ? { changes } : {}),
      })
      signal.throwIfAborted()
      await writeFailed(join(folder, 'failed.txt'), tally)
      return await passOutcome(tally, spec, changes)
    } finally {
      onSeen(undefined)
    }
  }

  async verify({ cutover, spec, agesAt, deepPercent, signatures: asked }: VerifyOrder, signal: AbortSignal): Promise<VerifyOutcome> {
    const { flags, config } = this.#options
    const signing = asked && signatureCheckOf(asked)
    const { deep: _, ...rest } = flags
    const { verification, unlisted, unsearched, signatures } = await check(spec, { ...rest, ...(deepPercent > 0 ? { deep: { percent: deepPercent, salt: cutover } } : {}), extra: 'list' }, config, signal, {
      ...(signing ? { keys: signing.keys, asksFor: signing.asksFor } : {}), ...(agesAt === undefined ? {} : { now: new Date(agesAt) }),
    })
    signal.throwIfAborted()
    return verificationSummary({ verification, unlisted, deepPercent, ...(unsearched ? { unsearched } : {}), ...(signatures ? { signatures: signatureSummary(signatures) } : {}) })
  }
}

/** What was there already is news the first time only. */
function isNoNews(event: RunEvent, kind: PassKind): boolean { return kind !== 'bulk' && event.type === 'done' && event.outcome === 'present' }

/** All that failed in the latest pass, to be fed to migrate: a record has only the first. */
async function writeFailed(path: string, tally: Tally): Promise<void> {
  await pipeline(printFailedList(tally), createWriteStream(path))
}
