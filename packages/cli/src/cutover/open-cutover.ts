// The one place where it is chosen how a cutover is kept and what moves it: files and the engine of this process.
import { runHook } from '@longshore/hooks'
import type { CutoverEvent, CutoverParts, FileStore } from '@longshore/cutover'
import type { Config } from '../config.ts'
import type { CutoverFlags } from '../flags.ts'
import type { MoveFlags, Seen } from '../move-here.ts'
import { LocalMover } from './local-mover.ts'

export interface OpenOptions {
  readonly store: FileStore
  /** The cutover whose folder gets the files of its passes. */
  readonly id: string
  readonly flags: CutoverFlags & MoveFlags
  readonly config: Config
  readonly abort: AbortSignal
  readonly onEvent: (event: CutoverEvent) => void
  readonly onSeen: (seen: Seen | undefined) => void
}

export function openParts({ store, id, flags, config, abort, onEvent, onSeen }: OpenOptions): CutoverParts {
  const { report: _report, reportMd: _reportMd, state: _state, ...rest } = flags
  return {
    store, runHook, env: config.env, clock: { now: () => new Date() }, onEvent,
    mover: new LocalMover({ flags: rest, config, abort, folder: store.folderOf(id), onSeen }),
  }
}
