import type { CutoverRecord, Pass } from './record.ts'

/** Passes that a record keeps; a few that something follows from are kept besides. */
export const keptPasses = 30

/** With one more. Bulk stays, and what passes by events must not push out: the latest pass over everything, and the latest that was without a failure. */
export function keepPasses(passes: readonly Pass[], ended: Pass): readonly Pass[] {
  const all = [...passes, ended]
  const kept = new Set<Pass | undefined>([all[0], all.findLast(isWhole), all.findLast(isClean), ...all.slice(-keptPasses)])
  return all.filter((pass) => kept.has(pass))
}

export function isWhole({ kind }: Pick<Pass, 'kind'>): boolean { return kind !== 'events' }

/** Over everything, and nothing failed in it. */
export function isClean({ kind, failed, unlisted }: Pick<Pass, 'kind' | 'failed' | 'unlisted'>): boolean { return isWhole({ kind }) && failed === 0 && unlisted === 0 }

/** The last pass, where it was through in time: what the verification is held against. */
export function caughtUpPass({ passes, freeze }: Pick<CutoverRecord, 'passes' | 'freeze'>): Pass | undefined {
  return freeze?.caughtUp === undefined ? undefined : passes.findLast(({ kind }) => kind === 'final')
}
