// Where a cutover of one process is kept, and which one is meant.
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type CutoverRecord, CutoverNotFoundError, endPhases, type FileStore } from '@longshore/cutover'
import type { CutoverStateFlags } from '../flags.ts'
import { UsageError } from '../usage-error.ts'

/** `--state DIR`; else beside the first SPEC, by its name: `rules.yaml.cutover`. @throws UsageError */
export function stateFolder(specs: readonly string[], { state }: CutoverStateFlags): string {
  if (state !== undefined) return state
  const [first] = specs
  if (first === undefined) throw new UsageError('which cutover? Give its SPEC, or the folder of its state with --state DIR')
  return first === '-' ? 'stdin.cutover' : join(dirname(first), `${basename(first)}.cutover`)
}

/** The cutover of a folder that a person means: the one that has not ended, else the latest. @throws CutoverNotFoundError */
export async function theCutover(store: FileStore): Promise<CutoverRecord> {
  const all = await store.list()
  const meant = all.find(({ phase }) => !endPhases.has(phase)) ?? all[0]
  const record = meant && await store.get(meant.id)
  if (!record) throw new CutoverNotFoundError(`in ${store.folder}: longshore cutover begins one there (--state DIR, where it was begun elsewhere)`)
  return record
}

/** What this process is called, for those who find a cutover held. */
export function holderName(): string { return `process ${process.pid} on ${hostname()}` }
