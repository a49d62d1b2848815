// The engine of this process as what a cutover moves and looks with.
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Change, type Mover, type PassKind, type PassOrder, type PassOutcome, passOutcome, verificationSummary, type VerifyOrder, type VerifyOutcome } from '@longshore/cutover'
import { countNamed, printFailedList, type RunEvent, type Tally } from '@longshore/report'
import type { Wanted } from '@longshore/transfer'
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

  async pass({ kind, spec, changes }: PassOrder, signal: AbortSignal): Promise<PassOutcome> {
    const { flags, config, abort, folder, onSeen } = this.#options
    try {
      const { tally } = await moveHere(spec, flags, config, {
        keepsEntries: false, stop: signal, abort, named: changes ? undefined : countNamed(spec), onSeen, hides: (event) => isNoNews(event, kind),
        ...(changes ? { takes: takesOnly(changes) } : {}),
      })
      signal.throwIfAborted()
      await writeFailed(join(folder, 'failed.txt'), tally)
      return { ...passOutcome(tally), ...(changes ? { gone: changes.filter(({ action }) => action === 'delete').length } : {}) }
    } finally {
      onSeen(undefined)
    }
  }

  async verify({ spec, deepPercent }: VerifyOrder, signal: AbortSignal): Promise<VerifyOutcome> {
    const { flags, config } = this.#options
    const { verification, unlisted, unsearched } = await check(spec, { ...flags, deep: deepPercent > 0, extra: 'list' }, config, signal)
    signal.throwIfAborted()
    return verificationSummary({ verification, unlisted, deepPercent: deepPercent > 0 ? 100 : 0, ...(unsearched ? { unsearched } : {}) })
  }
}

/** What was there already is news the first time only. */
function isNoNews(event: RunEvent, kind: PassKind): boolean { return kind !== 'bulk' && event.type === 'done' && event.outcome === 'present' }

/** The images that changes name. One without a tag may be about any image of its repository. */
function takesOnly(changes: readonly Change[]): (wanted: Wanted) => boolean {
  const byRepository = Map.groupBy(changes, ({ registry, repository }) => `${registry}/${repository}`)
  return ({ image: { source } }) => byRepository.get(`${source.registry}/${source.repository}`)
    ?.some(({ tag, digest }) => tag === undefined || tag === source.reference || digest === source.reference) === true
}

/** All that failed in the latest pass, to be fed to migrate: a record has only the first. */
async function writeFailed(path: string, tally: Tally): Promise<void> {
  await pipeline(printFailedList(tally), createWriteStream(path))
}
