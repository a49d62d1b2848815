// Tags of the destination that no longer exist at the source: found, told, and where that is wished taken away.
import { forEachLimit } from '@longshore/concurrency'
import { describeRecord, type Digest, type ErrorRecord, type Tag, toRecord } from '@longshore/oci'
import { backupName, backupPattern, type Migration, type Mirror, mirrorsOf, type PrunePlan } from '@longshore/spec'
import { formatLocation, hintFor, type Io, type Transports } from '@longshore/transfer'
import { PruneCeilingError, PruneUnsafeError } from './errors.ts'
import { type FindOptions, type Found, findOrphans, type Orphan } from './find-orphans.ts'
import { type Removal, removeTag } from './remove-tag.ts'

export interface PruneOptions extends PrunePlan {
  readonly transports: Transports
  /** A source repository that is missing, empty or not listed any more counts as one without tags. */
  readonly missingRepositories?: boolean
  /** Requests at once, per repository. */
  readonly concurrency?: number
  /** What `{date}` in a backup tag stands for; the present moment where absent. */
  readonly now?: Date
  readonly onRepository?: (found: Found) => void
  readonly onOrphan?: (orphan: PrunedTag) => void
}

/** `would-go`: a dry run. `kept`: it was left alone, and why. */
export type PrunedTag = Orphan & (
  | { readonly state: 'would-go' }
  | { readonly state: 'deleted'; readonly how: Removal; readonly backup?: Tag }
  | { readonly state: 'kept'; readonly why: string }
  | { readonly state: 'failed'; readonly error: ErrorRecord; readonly hint: string }
)

export interface PruneResult {
  readonly applied: boolean
  /** Of a dry run: `apply` would delete nothing, as this is more than the ceiling allows. */
  readonly refusal?: string
  /** Repositories at destinations that were compared, and tags of images in them. */
  readonly repositories: number
  readonly tags: number
  readonly orphans: readonly PrunedTag[]
  /** Repositories and catalogs that could not be compared: nothing was deleted there. */
  readonly untold: ReadonlyArray<{ readonly place: string; readonly why: string }>
}

const defaults = { concurrency: 16 } as const
const repositoriesAtOnce = 8

/**
 * Only repositories of which the spec takes every tag are looked at.
 * @throws PruneCeilingError before anything is deleted; PruneUnsafeError; the signal's reason
 */
export async function pruneOrphans(migration: Migration, options: PruneOptions, signal: AbortSignal): Promise<PruneResult> {
  const { transports, apply, ceilingPercent, backupTag, missingRepositories = false, concurrency = defaults.concurrency, now = new Date() } = options
  const pattern = backupTag === undefined ? undefined : backupPattern(backupTag)
  const finding: FindOptions = { transports, missingRepositories, concurrency, isBackup: (tag) => pattern?.test(tag) === true }
  const { mirrors, failed } = await mirrorsOf(migration, (registry) => transports.source(registry), { signal })
  const untold = failed.map(({ location: { registry, repository }, error }) => ({ place: repository === undefined ? `the catalog of ${registry}` : `${registry}/${repository}`, why: describeRecord(toRecord(error)) }))
  // Another source may be among what could not be listed.
  if (failed.length > 0) return { applied: apply, repositories: 0, tags: 0, orphans: [], untold }

  const founds: Array<{ readonly mirror: Mirror; readonly found: Found }> = []
  await forEachLimit(signal, repositoriesAtOnce, mirrors, async (mirror, signal) => {
    const found = await findOrphans(mirror, finding, { signal })
    founds.push({ mirror, found })
    options.onRepository?.(found)
  })
  founds.sort((a, b) => (formatLocation(a.found.destination) < formatLocation(b.found.destination) ? -1 : 1))
  for (const { found: { destination, trouble } } of founds) if (trouble !== undefined) untold.push({ place: formatLocation(destination), why: trouble })
  const above = aboveCeiling(founds.map(({ found }) => found), ceilingPercent)
  if (apply && above) throw above

  const orphans: PrunedTag[] = []
  const tell = (tag: PrunedTag): void => {
    orphans.push(tag)
    options.onOrphan?.(tag)
  }
  for (const { mirror, found } of founds) {
    for (const { tag, digest, why } of found.kept) tell({ ...found.destination, tag, digest, isCompanion: false, state: 'kept', why })
    if (!apply) for (const orphan of found.orphans) tell(orphan.isCompanion && backupTag !== undefined ? { ...orphan, state: 'kept', why: 'what it is about is kept under the backup tag' } : { ...orphan, state: 'would-go' })
    else if (found.orphans.length > 0) await applyTo(mirror, found, finding, { ...(backupTag === undefined ? {} : { backupTag }), now, tell }, { signal })
  }
  return {
    applied: apply, ...(above ? { refusal: above.message } : {}), repositories: founds.filter(({ found: { trouble } }) => trouble === undefined).length, tags: founds.reduce((sum, { found: { tags } }) => sum + tags, 0), orphans, untold,
  }
}

/** Why nothing of this may be deleted, where it is too much. */
function aboveCeiling(founds: readonly Found[], ceilingPercent: number): PruneCeilingError | undefined {
  // Tags of repositories that cannot be told are no measure for the others.
  for (const [registry, group] of Map.groupBy(founds.filter(({ trouble }) => trouble === undefined), ({ destination }) => destination.registry)) {
    const tags = group.reduce((sum, found) => sum + found.tags, 0)
    const going = group.reduce((sum, { orphans }) => sum + orphans.filter(({ isCompanion }) => !isCompanion).length, 0)
    if (going > 0 && going / tags * 100 > ceilingPercent) return new PruneCeilingError(registry, going, tags, ceilingPercent)
  }
  return undefined
}

interface Applying { readonly backupTag?: string; readonly now: Date; readonly tell: (tag: PrunedTag) => void }

/** One tag after another: what a deletion does is seen before the next. */
async function applyTo(mirror: Mirror, planned: Found, finding: FindOptions, applying: Applying, io: Io): Promise<void> {
  // Everything is looked at once more: between the plan and this repository's turn a tag may have been pushed, here or there.
  const fresh = await findOrphans(mirror, finding, io)
  const still = new Map(fresh.orphans.map((orphan) => [orphan.tag, orphan]))
  const approved = new Map(planned.orphans.map(({ tag, digest }) => [tag, digest]))
  const pruning: Pruning = { ...applying, fresh, transports: finding.transports, unapproved: new Set(fresh.orphans.filter(({ tag, digest }) => approved.get(tag) !== digest).map(({ digest }) => digest)) }
  let allWent = true
  for (const orphan of planned.orphans) {
    const pruned = await pruneOne(orphan, still.get(orphan.tag), allWent, pruning, io)
    allWent &&= pruned.state === 'deleted'
    applying.tell(pruned)
  }
}

interface Pruning extends Applying {
  readonly fresh: Found
  readonly transports: Transports
  /** What tags name that have become orphans, or came to name it, since the plan was made: nobody agreed to its going. */
  readonly unapproved: ReadonlySet<Digest>
}

/** @throws PruneUnsafeError, the signal's reason */
async function pruneOne(planned: Orphan, again: Orphan | undefined, allWent: boolean, pruning: Pruning, io: Io): Promise<PrunedTag> {
  const { fresh, backupTag, now } = pruning
  const keep = (why: string): PrunedTag => ({ ...planned, state: 'kept', why })
  if (fresh.trouble !== undefined) return keep(fresh.trouble)
  if (!again) return keep('it is no orphan any more')
  if (again.digest !== planned.digest) return keep('it names something else by now')
  if (planned.isCompanion && backupTag !== undefined) return keep('what it is about is kept under the backup tag')
  if (planned.isCompanion && !allWent) return keep('an image of this repository stayed, which it may be about')
  try {
    if (backupTag === undefined) return await removeOne(planned, undefined, pruning, io)
    const backup = backupName(backupTag, planned.tag, now)
    return backup === undefined ? keep('its backup tag would be too long') : await removeOne(planned, backup, pruning, io)
  } catch (error) {
    io.signal.throwIfAborted()
    if (error instanceof PruneUnsafeError) throw error
    const record = toRecord(error)
    return { ...planned, state: 'failed', error: record, hint: hintFor(record, 'destination') }
  }
}

async function removeOne(orphan: Orphan, backup: Tag | undefined, { fresh, transports, unapproved }: Pruning, io: Io): Promise<PrunedTag> {
  const { registry, repository, tag, digest } = orphan
  const target = transports.target(registry)
  const keep = (why: string): PrunedTag => ({ ...orphan, state: 'kept', why })
  for (const source of fresh.sources) {
    if (await transports.source(source.registry).resolve(source.repository, tag, io) !== undefined) return keep('it is at the source again')
  }
  if (backup !== undefined) {
    const there = await target.resolve(repository, backup, io)
    if (there && there.digest !== digest) return keep(`its backup tag ${backup} names something else`)
    const manifest = there ? undefined : await target.manifest(repository, digest, io)
    if (manifest) await target.put(repository, manifest, backup, io)
  }
  // The last look before it goes (P8).
  const now = await target.resolve(repository, tag, io)
  if (now && now.digest !== digest) return keep('it names something else by now')
  const siblings = [...fresh.holders.get(digest) ?? [], ...(backup === undefined ? [] : [backup])]
  const isHeld = backup !== undefined || fresh.living.has(digest) || unapproved.has(digest)
  const how = now ? await removeTag(orphan, { target, isHeld, siblings }, io) : 'absent'
  if (typeof how === 'object') return keep(how.held)
  return { ...orphan, state: 'deleted', how, ...(backup === undefined ? {} : { backup }) }
}
