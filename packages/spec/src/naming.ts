import { type Digest, isDigest, parseRepositoryName, type RepositoryName, type Tag } from '@longshore/oci'
import type { Image } from '@longshore/transfer'
import { settingsOf } from './destination-settings.ts'
import { harborNameFault, HarborNameError, nameInHarbor } from './harbor-name.ts'
import type { Destination, Migration, RenameRule, Requested } from './migration.ts'
import { isTame, PatternWatch } from './pattern-watch.ts'
import { joinPath } from './place.ts'

/**
 * The repository at the destination that `path` becomes. @param destinations the migration's: Harbors have rules of their own
 * @throws InvalidReferenceError when the rules leave no valid name, HarborNameError when the Harbor there would not take it, PatternTooSlowError
 */
export function nameRepository(destination: Destination, path: string, destinations: Migration['destinations']): RepositoryName {
  const { harbor } = settingsOf(destinations, destination.registry)
  switch (destination.kind) {
    case 'exact': {
      const fault = harbor && harborNameFault(destination.registry, destination.repository)
      if (fault !== undefined) throw new HarborNameError(destination.registry, destination.repository, fault)
      return destination.repository
    }
    case 'under': {
      const renamed = rename(path, destination.rename)
      const kept = destination.keepComponents === undefined ? renamed : renamed.split('/').slice(-destination.keepComponents).join('/')
      return parseRepositoryName(harbor ? nameInHarbor(destination.registry, destination.prefix, kept, harbor) : joinPath(destination.prefix, kept))
    }
  }
}

/** Each rule is applied to the path that the former ones left. @throws PatternTooSlowError */
export function rename(path: string, rules: readonly RenameRule[]): string {
  return rules.reduce((left, rule) => renaming(rule)(left), path)
}

/** What the image is called in its destination repository. */
export function nameReference(destination: Destination, requested: Requested): Tag | Digest {
  return (destination.kind === 'exact' ? destination.reference : undefined) ?? requested.tag ?? requested.reference
}

/** Whether the destination's reference may differ from the source's, so that two tags of one repository may meet. */
export function renamesReference(destination: Destination, requested: readonly Requested[]): boolean {
  return (destination.kind === 'exact' && destination.reference !== undefined) || requested.some((r) => r.tag !== undefined)
}

/** Whether an image would be written over itself. */
export function isSelf(image: Image): boolean {
  const { source, destination } = image
  return source.registry === destination.registry && source.repository === destination.repository
    && (source.reference === destination.reference || isDigest(destination.reference))
}

const known = new WeakMap<RenameRule, (path: string) => string>()
function renaming(rule: RenameRule): (path: string) => string {
  const former = known.get(rule)
  if (former) return former
  const { match, replace, all = false, rooted = false } = rule
  const regex = new RegExp(match, all ? 'gu' : 'u')
  const watch = new PatternWatch(match, isTame({ kind: 'regex', source: match, flags: 'u' }))
  const made = (path: string): string => {
    const left = rooted ? `/${path}` : path
    const renamed = watch.over([left], () => left.replace(regex, replace))
    return rooted ? renamed.replace(/^\/+/, '') : renamed
  }
  known.set(rule, made)
  return made
}
