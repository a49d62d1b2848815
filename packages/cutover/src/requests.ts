// What a person asks for, from whatever process. It is written into the record; whoever leads the cutover does it.
import { CutoverNotFoundError, CutoverPhaseError } from './errors.ts'
import { type CutoverRecord, endPhases, type Phase, type RequestKind } from './record.ts'
import type { CutoverStore } from './store.ts'

/** The last pass comes next: at once in the deltas, at its end in bulk. Asked for twice, it is one. @throws CutoverNotFoundError, CutoverPhaseError */
export async function requestFreeze(store: CutoverStore, id: string, now = new Date()): Promise<CutoverRecord> {
  return await store.update(id, (record) => {
    const { phase, freeze, request } = record
    if (request) throw new CutoverPhaseError(id, 'freeze', phase, `${request.kind} was asked for and is not done yet`)
    if (endPhases.has(phase)) throw new CutoverPhaseError(id, 'freeze', phase, 'it has ended')
    if (freeze) return undefined
    return { ...record, freeze: { requested: now.toISOString(), by: 'person' } }
  })
}

/** Which takes the place of which. */
const weights: Readonly<Record<RequestKind, number>> = { retry: 1, unfreeze: 2, abort: 3 }

const refusals: Readonly<Record<RequestKind, (record: CutoverRecord) => string | undefined>> = {
  retry: ({ phase }) => (phase === 'no-go' ? undefined : 'only a no-go is tried again'),
  unfreeze: ({ phase, freeze }) => (phase === 'go' ? 'the clusters may use the destination by now; make the source writable by hand, if you go back' : phase === 'aborted' ? 'it has ended' : freeze ? undefined : 'it is not frozen'),
  abort: ({ phase }) => (phase === 'go' || phase === 'aborted' ? 'it has ended' : undefined),
}

/** @throws CutoverNotFoundError, CutoverPhaseError */
export async function request(store: CutoverStore, id: string, kind: RequestKind, now = new Date()): Promise<CutoverRecord> {
  return await store.update(id, (record) => {
    if (record.request?.kind === kind) return undefined
    const refused = refusals[kind](record)
    if (refused !== undefined) throw new CutoverPhaseError(id, kind, record.phase, refused)
    // What was asked for may be under way: an unfreeze has perhaps thawed the source, after which there is nothing to retry.
    if (record.request && weights[record.request.kind] > weights[kind]) throw new CutoverPhaseError(id, kind, record.phase, `${record.request.kind} was asked for and is not done yet`)
    // Nothing is frozen yet: there is nothing to undo, and the pass goes on.
    if (kind === 'unfreeze' && (record.phase === 'bulk' || record.phase === 'delta')) {
      const { freeze: _freeze, ...rest } = record
      return { ...rest, unfrozen: now.toISOString() }
    }
    return { ...record, request: { kind, requested: now.toISOString() } }
  })
}

/** Whether the step at hand is to be left for what a person asked. Bulk is brought to its end before a freeze: the source is frozen for as short as can be. */
export function isDiverted(record: CutoverRecord, phase: Phase): boolean {
  return record.request !== undefined || (phase === 'delta' && record.freeze !== undefined)
}

/** @throws CutoverNotFoundError */
export async function required(store: CutoverStore, id: string): Promise<CutoverRecord> {
  const record = await store.get(id)
  if (!record) throw new CutoverNotFoundError(id)
  return record
}
