// The normalised spec: what every input format becomes. Plain data, because it travels as JSON.
import type { Digest, Platform, RepositoryName, Tag } from '@longshore/oci'
import type { Origin } from '@longshore/transfer'
import type { CutoverPlan, DestinationSettings } from './cutover-plan.ts'

export type { Origin }

export interface Migration {
  readonly entries: readonly Entry[]
  /** By registry, `host[:port]`; `*` for those that are not named. */
  readonly destinations?: Readonly<Record<string, DestinationSettings>>
  readonly cutover?: CutoverPlan
}

/** One line of a list, or one item of `images:`. Entries may overlap; the expansion merges what is the same. */
export interface Entry {
  readonly source: EntrySource
  readonly selection: Selection
  readonly destinations: readonly Destination[]
  readonly content: ContentOptions
  readonly origin: Origin
}

export type EntrySource =
  /** `path` is the name as it was written: what the destination keeps. `repository` is where that is at the registry. */
  | { readonly kind: 'repository'; readonly registry: string; readonly repository: RepositoryName; readonly path: string }
  /** Repositories of the catalog below `prefix` (may be empty); `include` and `exclude` see the path without it. */
  | { readonly kind: 'catalog'; readonly registry: string; readonly prefix: string; readonly include: readonly Pattern[]; readonly exclude: readonly Pattern[]; readonly harbor?: HarborListing }

/** Repositories are listed by the API of a Harbor, whether or not it has a catalog for us. `projects` is empty where all that the account sees are meant. */
export interface HarborListing { readonly projects: readonly Pattern[] }

/** A glob matches the whole text. A regular expression is not anchored. */
export type Pattern =
  | { readonly kind: 'glob'; readonly glob: string }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string }

export type Selection =
  | { readonly kind: 'references'; readonly references: readonly Requested[] }
  | { readonly kind: 'rule'; readonly rule: TagRule; readonly references: readonly Requested[] }

/** `tag` is what the image is called at the destination where it is read by digest (`name:tag@digest`). */
export interface Requested { readonly reference: Tag | Digest; readonly tag?: Tag }

/** The steps are applied in this order; an absent one lets everything through. */
export interface TagRule {
  /** Tags that at least one of these takes. */
  readonly anyOf?: ReadonlyArray<Pick<TagRule, 'include' | 'exclude' | 'semver' | 'prereleases'>>
  readonly include?: readonly Pattern[]
  readonly exclude?: readonly Pattern[]
  /** A node-semver range. */
  readonly semver?: string
  /** The range speaks of prereleases as of other versions. */
  readonly prereleases?: boolean
  /** Of the source's inventory: the image carries them all. */
  readonly labels?: readonly string[]
  /** Of the source's inventory: when the tag came to name its image. */
  readonly pushed?: { readonly newerThan?: Moment; readonly olderThan?: Moment }
  readonly newerThan?: Moment
  readonly olderThan?: Moment
  readonly latest?: { readonly count: number; readonly by: 'semver' | 'created' | 'pushed' }
}

/** An age is reckoned when the tags are selected, so a stored migration can run again. `at` is RFC 3339. */
export type Moment = { readonly kind: 'ago'; readonly ms: number } | { readonly kind: 'at'; readonly at: string }

export type Destination =
  /** The path, renamed and flattened, below `prefix` (may be empty). */
  | {
    readonly kind: 'under'; readonly registry: string; readonly prefix: string
    readonly rename: readonly RenameRule[]
    /** How many of the last path components stay; absent: all of them. */
    readonly keepComponents?: number
  }
  /** Exactly there; without `reference` the source's tag or digest is kept. */
  | { readonly kind: 'exact'; readonly registry: string; readonly repository: RepositoryName; readonly reference?: Tag | Digest }

/**
 * The first match of the regular expression `match` in the path is replaced, with `all` every match; `replace` may say `$1`. With
 * `rooted` the path has a slash in front while this is done.
 */
export interface RenameRule { readonly match: string; readonly replace: string; readonly all?: boolean; readonly rooted?: boolean }

export interface ContentOptions {
  /** Empty: all platforms. */
  readonly platforms: readonly Platform[]
  /** `sparse` leaves an index as it is, though some of its children stay behind; `strip` writes a new index. */
  readonly platformPolicy: 'sparse' | 'strip'
  readonly referrers: boolean
  readonly foreignLayers: 'keep' | 'copy'
}

export const defaultContent: ContentOptions = { platforms: [], platformPolicy: 'sparse', referrers: true, foreignLayers: 'keep' }

/** Whether the rule looks at what the registry protocol does not tell. */
export function needsInventory({ labels, pushed, latest }: TagRule): boolean {
  return labels !== undefined || pushed !== undefined || latest?.by === 'pushed'
}

/** The registries that a migration names, `host[:port]`, by side. */
export function registriesOf({ entries }: Migration): { readonly source: ReadonlySet<string>; readonly destination: ReadonlySet<string> } {
  const source = new Set<string>()
  const destination = new Set<string>()
  for (const entry of entries) {
    source.add(entry.source.registry)
    for (const { registry } of entry.destinations) destination.add(registry)
  }
  return { source, destination }
}
