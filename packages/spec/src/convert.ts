// A migration as the native YAML that means the same. It is printed from what the spec came to, so every format can be.
import { formatPlatform, isDigest, looksLikeRegistry } from '@longshore/oci'
import { askersOf } from '@longshore/transfer'
import { Document } from 'yaml'
import { type ContentOptions, defaultContent, type Destination, type Entry, type Migration, type Moment, type Origin, type Pattern, type Requested, type Selection, type TagRule } from './migration.ts'
import { nameRepository } from './naming.ts'
import { dockerHub } from './place.ts'
import { printCutover } from './print-cutover.ts'
import { printDestinations } from './print-destinations.ts'
import { formatProblem, type Problem } from './spec-error.ts'

type Item = Record<string, unknown>
type Settings = Migration['destinations']

/** @param comments stand at the beginning: what was left out */
export function printNativeSpec(migration: Migration, comments: readonly Problem[]): string {
  const document = new Document({
    version: 1, ...printDestinations(migration.destinations), ...(migration.cutover ? { cutover: printCutover(migration.cutover) } : {}),
    images: unite(migration.entries.flatMap((entry) => itemsOf(entry, migration.destinations))),
  }, { aliasDuplicateObjects: false })
  document.commentBefore = [' docs/spec.md explains each key.', ...comments.map((comment) => ` ${formatProblem(comment)}`)].join('\n')
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

/** Items that differ in exact tags or digests only, one behind the other, become one. */
function unite(items: readonly Item[]): readonly Item[] {
  const united: Item[] = []
  for (const item of items) {
    const last = united.at(-1)
    const joinable = last && Array.isArray(last['tags']) && Array.isArray(item['tags'])
      && JSON.stringify({ ...last, tags: 0 }) === JSON.stringify({ ...item, tags: 0 })
    if (joinable) united[united.length - 1] = { ...last, tags: [...new Set([...last['tags'] as string[], ...item['tags'] as string[]])] }
    else united.push(item)
  }
  return united
}

/** Of one destination after the other, where they name images differently. */
function itemsOf(entry: Entry, settings: Settings): readonly Item[] {
  const groups = Map.groupBy(entry.destinations, (destination) => (destination.kind === 'exact' ? 'as' : JSON.stringify([destination.rename, destination.keepComponents])))
  return [...groups.values()].flatMap((destinations) => selectionsOf(entry, settings).map(({ selection, as }) => ({
    ...harborOf(entry), ...sourceOf(entry, as !== undefined || destinations.every(({ kind }) => kind === 'exact')), ...selection, ...(as === undefined ? destinationOf(destinations) : { as: destinations.map(as) }), ...contentOf(entry.content), ...askedBy(entry.origin),
  })))
}

/** Objects of a cluster; which line of which file says nothing any more. */
function askedBy(origin: Origin): Item {
  if (origin.object === undefined) return {}
  return { askedBy: askersOf(origin), ...(origin.more !== undefined && { askedByMore: origin.more }) }
}

interface Part { readonly selection: Item; /** Where each destination has to be written out, as one reference at the source gets another name. */ readonly as?: (destination: Destination) => string }

function selectionsOf({ selection, source }: Entry, settings: Settings): readonly Part[] {
  const plain = selection.references.filter(({ tag }) => tag === undefined).map(({ reference }) => reference)
  const tags = plain.filter((reference) => !isDigest(reference))
  const digests = plain.filter(isDigest)
  const renamed = selection.references.filter(({ tag }) => tag !== undefined)
  return [
    ...(selection.kind === 'rule' ? [{ selection: tagsOf(selection) }] : []),
    ...(tags.length > 0 ? [{ selection: { tags } }] : []), ...(digests.length > 0 ? [{ selection: { digests } }] : []),
    ...renamed.map((requested) => ({ selection: { digests: [requested.reference] }, as: (destination: Destination) => placeOf(destination, source, requested, settings) })),
  ]
}

function placeOf(destination: Destination, source: Entry['source'], { tag }: Requested, settings: Settings): string {
  const path = source.kind === 'repository' ? source.path : ''
  return `${destination.registry}/${nameRepository(destination, path, settings)}:${(destination.kind === 'exact' ? destination.reference : undefined) ?? tag}`
}

/** @param isNamedAt nothing of the path is kept */
function sourceOf({ source }: Entry, isNamedAt: boolean): Item {
  switch (source.kind) {
    case 'catalog': {
      const { registry, prefix, include, exclude, harbor } = source
      return {
        ...((include.length > 0 || exclude.length > 0 || harbor === undefined) && {
          repositories: { ...(include.length > 0 && { include: include.map(printPattern) }), ...(exclude.length > 0 && { exclude: exclude.map(printPattern) }) },
        }),
        from: prefix === '' ? registry : `${registry}/${prefix}`,
      }
    }
    case 'repository': {
      const { registry, repository, path } = source
      if (isNamedAt || path === repository) return { name: `${registry}/${repository}` }
      // alpine is docker.io/library/alpine, and kept as alpine.
      if (registry === dockerHub.registry && `library/${path}` === repository) return { name: `${registry}/${path}` }
      const prefix = repository.slice(0, -path.length - 1)
      const first = path.split('/')[0] ?? ''
      if (repository === `${prefix}/${path}` && !(path.includes('/') && looksLikeRegistry(first))) return { name: path, from: `${registry}/${prefix}` }
      return { name: `${registry}/${repository}`, rename: [{ match: '^.*$', replace: path.replaceAll('$', '$$$$') }] }
    }
  }
}

/** What is asked of the source's inventory. */
function harborOf({ source, selection }: Entry): Item {
  const { labels, pushed } = selection.kind === 'rule' ? selection.rule : {}
  const projects = source.kind === 'catalog' ? source.harbor?.projects : undefined
  if (labels === undefined && pushed === undefined && projects === undefined) return {}
  return {
    harbor: {
      ...(projects !== undefined && projects.length > 0 && { projects: projects.map(printPattern) }), ...(labels && { labels }),
      ...(pushed && { pushed: { ...(pushed.newerThan && { newerThan: printMoment(pushed.newerThan) }), ...(pushed.olderThan && { olderThan: printMoment(pushed.olderThan) }) } }),
    },
  }
}

function destinationOf(destinations: readonly Destination[]): Item {
  const [first] = destinations
  if (first?.kind !== 'under') {
    return { as: destinations.map((d) => (d.kind === 'exact' ? `${d.registry}/${d.repository}${d.reference === undefined ? '' : `${isDigest(d.reference) ? '@' : ':'}${d.reference}`}` : '')) }
  }
  return {
    to: destinations.map((d) => (d.kind === 'under' && d.prefix !== '' ? `${d.registry}/${d.prefix}` : d.registry)),
    ...(first.rename.length > 0 && { rename: first.rename }), ...(first.keepComponents !== undefined && { flatten: first.keepComponents === 1 ? true : { keep: first.keepComponents } }),
  }
}

function tagsOf({ kind, ...selection }: Selection): Item {
  if (kind !== 'rule' || !('rule' in selection)) return {}
  const tags = printRule(selection.rule)
  return Object.keys(tags).length === 0 ? {} : { tags }
}

function printRule({ anyOf, include, exclude, semver, prereleases, newerThan, olderThan, latest }: TagRule): Item {
  return {
    ...(anyOf && { anyOf: anyOf.map(printRule) }), ...(include && { include: include.map(printPattern) }), ...(exclude && { exclude: exclude.map(printPattern) }),
    ...(semver !== undefined && { semver }), ...(prereleases !== undefined && { prereleases }),
    ...(newerThan && { newerThan: printMoment(newerThan) }), ...(olderThan && { olderThan: printMoment(olderThan) }),
    ...(latest && { latest: latest.by === 'semver' ? latest.count : latest }),
  }
}

function printPattern(pattern: Pattern): string {
  return pattern.kind === 'glob' ? pattern.glob : `/${pattern.source}/${pattern.flags}`
}

function printMoment(moment: Moment): string {
  if (moment.kind === 'at') return moment.at
  const [unit, ms] = ([['w', 604_800_000], ['d', 86_400_000], ['h', 3_600_000]] as const).find(([, one]) => moment.ms % one === 0) ?? ['m', 60_000]
  return `${moment.ms / ms}${unit}`
}

/** What is not as it is by itself. */
function contentOf(content: ContentOptions): Item {
  const { platforms, platformPolicy, referrers, foreignLayers } = content
  return {
    ...(platforms.length > 0 && { platforms: platforms.map(formatPlatform) }), ...(platformPolicy !== defaultContent.platformPolicy && { platformPolicy }),
    ...(referrers !== defaultContent.referrers && { referrers }), ...(foreignLayers !== defaultContent.foreignLayers && { foreignLayers }),
  }
}
