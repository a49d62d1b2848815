// What a registry said has changed, as far as a migration is concerned.
import { companionSubject, type Digest, isRepositoryName, isTag, type Tag } from '@longshore/oci'
import type { Entry, Migration } from './migration.ts'
import type { Unit } from './unit.ts'
import { catalogsOf, keyOf, namedUnits } from './units.ts'

/** A tag, or a manifest without one, that was pushed or deleted at the source. */
export interface NamedChange {
  /** `host[:port]`, as the spec names it. */
  readonly registry: string
  readonly repository: string
  /** Absent: a manifest was pushed, or deleted, by its digest alone. */
  readonly tag?: string
  readonly digest?: Digest
  readonly action: 'push' | 'delete'
}

/** The changes in one source repository. */
export interface ChangedUnit { readonly unit: Unit; readonly changes: readonly NamedChange[] }

/**
 * Changes by the source repositories that the migration takes something of; no request is made. What is no valid name is passed over:
 * nothing at a registry has it.
 */
export function changedUnits({ entries }: Migration, changes: readonly NamedChange[]): ReadonlyMap<string, ChangedUnit> {
  const catalogs = catalogsOf(entries)
  const named = namedUnits(entries, catalogs)
  const found = new Map<string, ChangedUnit>()
  for (const [key, group] of Map.groupBy(changes, keyOf)) {
    const [{ registry, repository } = { registry: '', repository: '' }] = group
    if (!isRepositoryName(repository)) continue
    const unit = named.get(key) ?? { registry, repository, demands: catalogs.get(registry)?.demandsOn(repository) ?? [] }
    if (unit.demands.length > 0) found.set(key, { unit, changes: group.filter(({ tag }) => tag === undefined || isTag(tag)) })
  }
  return found
}

/**
 * The deletions among the changes that concern something that the migration may have moved: by what a name alone tells, as nothing else
 * can be asked any more.
 */
export async function deletionsOf(migration: Migration, changes: readonly NamedChange[]): Promise<readonly NamedChange[]> {
  const found: NamedChange[] = []
  for (const { unit, changes: deleted } of changedUnits(migration, changes.filter(({ action }) => action === 'delete')).values()) {
    for (const change of deleted) {
      for (const { entry } of unit.demands) {
        if (!await mayConcern(entry, change)) continue
        found.push(change)
        break
      }
    }
  }
  return found
}

async function mayConcern({ selection, content }: Entry, { tag, digest }: NamedChange): Promise<boolean> {
  if (tag === undefined) return content.referrers || selection.kind === 'rule' || selection.references.some(({ reference }) => reference === digest)
  if (selection.references.some(({ reference }) => reference === tag)) return true
  if (companionSubject(tag) !== undefined) return content.referrers
  if (selection.kind === 'references') return false
  const { newerThan: _, olderThan: __, latest: ___, ...byName } = selection.rule
  const { selectTags } = await import('./select-tags.ts')
  return (await selectTags([tag as Tag], byName)).selected.length > 0
}

/** The tags and digests that changes name. */
export function namesIn(changes: readonly NamedChange[]): ReadonlySet<Tag | Digest> {
  return new Set(changes.flatMap(({ tag, digest }) => [...(tag === undefined ? [] : [tag as Tag]), ...(digest === undefined ? [] : [digest])]))
}
