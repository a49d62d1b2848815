import type { Migration } from '@longshore/spec'
import type { Change, CutoverOptions, CutoverRecord } from './record.ts'

/** Held by the one process that takes a cutover through its phases. */
export interface Hold extends AsyncDisposable {
  /** Aborts when it is lost. */
  readonly signal: AbortSignal
}

/** A change that waits to be moved; `position` grows with time. */
export interface WaitingChange { readonly position: string; readonly change: Change }

/** Where cutovers are kept: files of this machine, or Redis. One contract suite runs on both. */
export interface CutoverStore {
  /**
   * Begins one; the one that is under way already where the same images were begun before (`cutoverKey`) and it has not ended (`endPhases`). That one gets the
   * options (a name that is not given anew stays) and the `cutover` of this spec (`renewRecord`): who mends a hook or a criterion goes on with the same command.
   * A store of one cutover, such as a folder, may take a spec of other images between the same registries for it as well.
   */
  begin(spec: Migration, options: CutoverOptions): Promise<{ readonly record: CutoverRecord; readonly resumed: boolean }>
  get(id: string): Promise<CutoverRecord | undefined>
  /** Newest first. */
  list(): Promise<ReadonlyArray<Pick<CutoverRecord, 'id' | 'phase' | 'created' | 'options'>>>
  /**
   * Replaces the record by what `change` makes of it, against whatever it is at that instant; `undefined` from `change` leaves it. May call
   * `change` several times. @throws CutoverNotFoundError
   */
  update(id: string, change: (record: CutoverRecord) => CutoverRecord | undefined): Promise<CutoverRecord>
  /** `undefined`: somebody else holds it. */
  hold(id: string, holder: string): Promise<Hold | undefined>
  /** Who holds it, by the name given; `undefined`: nobody who lives. */
  holder(id: string): Promise<string | undefined>
  /** Remembers changes, each (registry, repository, tag or digest) once: what came again moves to the end. */
  addChanges(id: string, changes: readonly Change[]): Promise<void>
  /** The oldest that wait; they stay until they are taken away. */
  changes(id: string, limit: number): Promise<readonly WaitingChange[]>
  /** Takes these away, except those that have come again since they were read. */
  removeChanges(id: string, changes: readonly WaitingChange[]): Promise<void>
  /** Resolves when something of this cutover may have changed (a request, an event, a schedule's tick), or after `ms`. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<void>
}

