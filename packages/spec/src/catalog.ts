// Repositories that a migration finds rather than names.
import { isRepositoryName, MigrationError, parseRepositoryName, printable, type RepositoryName } from '@longshore/oci'
import type { Io } from '@longshore/transfer'
import type { Entry, EntrySource } from './migration.ts'
import { namespacesOf, type WantedNamespaces } from './namespaces.ts'
import { joinPath } from './place.ts'
import { matcherOf, type Matcher } from './pattern.ts'
import { type Listed, type ListedBy, listRepositories } from './repository-listing.ts'
import type { Demand, ExpandContext, ExpandEvent, Unit } from './unit.ts'

export type CatalogEntry = Entry & { readonly source: Extract<EntrySource, { kind: 'catalog' }> }

/** The patterns of a catalog entry match no repository: more likely a mistake than a wish. */
export class NothingMatchedError extends MigrationError {
  override readonly name = 'NothingMatchedError'
  override readonly code = 'NOTHING_MATCHED'
  constructor(registry: string, patterns: string, by: ListedBy) {
    super(printable(by === 'catalog' ? `no repository in the catalog of ${registry} matches ${patterns}; check the patterns, and whether these credentials see the whole catalog`
      : `no repository that the API of ${registry} shows to these credentials matches ${patterns}; check the patterns, the projects, and whether the account is a member of them`))
  }
}

interface Filter {
  readonly entry: CatalogEntry
  readonly namespaces: WantedNamespaces
  readonly projects: readonly Matcher[]
  readonly include: readonly Matcher[]
  readonly exclude: readonly Matcher[]
  /** Or its repositories could not all be listed, which is told already. */
  isMatched: boolean
}

/** The catalog entries of one registry, which is read once for all of them. */
export class Catalog {
  readonly registry: string
  readonly #filters: readonly Filter[]

  constructor(registry: string, entries: readonly CatalogEntry[]) {
    this.registry = registry
    this.#filters = entries.map((entry) => ({
      entry, namespaces: namespacesOf(entry.source), projects: (entry.source.harbor?.projects ?? []).map(matcherOf),
      include: entry.source.include.map(matcherOf), exclude: entry.source.exclude.map(matcherOf), isMatched: false,
    }))
  }

  /** What the entries want of a repository. */
  demandsOn(repository: string): Demand[] {
    const demands: Demand[] = []
    for (const filter of this.#filters) {
      const { prefix } = filter.entry.source
      if (prefix !== '' && !repository.startsWith(`${prefix}/`)) continue
      const path = prefix === '' ? repository : repository.slice(prefix.length + 1)
      if (filter.projects.length > 0 && !filter.projects.some((m) => m.test(repository.split('/', 1)[0] ?? ''))) continue
      const isIncluded = filter.include.length === 0 || filter.include.some((m) => m.test(path))
      if (!isIncluded || filter.exclude.some((m) => m.test(path))) continue
      filter.isMatched = true
      demands.push({ entry: filter.entry, path })
    }
    return demands
  }

  /** The wanted repositories, as the pages arrive, without those in `known`. */
  async *units(context: ExpandContext, known: ReadonlySet<string>, io: Io): AsyncGenerator<Unit | ExpandEvent, void, void> {
    let by: ListedBy = this.#filters.some(({ entry }) => entry.source.harbor !== undefined) ? 'inventory' : 'catalog'
    const wanted = this.#filters.map(({ namespaces }) => namespaces)
    for await (const listed of listRepositories(context.sourceFor(this.registry), { ...io, by, wanted, onFallback: () => { by = 'inventory' } })) {
      if (listed.kind === 'failed') yield* this.#failures(listed)
      else {
        const found = this.#found(listed.name, known)
        if (found) yield found
      }
    }
    for (const { entry, include, projects, isMatched } of this.#filters) {
      if (isMatched) continue
      const { prefix } = entry.source
      const shown = include.length > 0 ? include.map((m) => joinPath(prefix, m.text)) : projects.length > 0 ? projects.map((m) => `${m.text}/**`) : [joinPath(prefix, '**')]
      yield { kind: 'failed', location: { registry: this.registry }, origin: entry.origin, error: new NothingMatchedError(this.registry, shown.join(', '), by) }
    }
  }

  #found(name: string, known: ReadonlySet<string>): Unit | ExpandEvent | undefined {
    const demands = this.demandsOn(name)
    const [first] = demands
    if (!first || known.has(`${this.registry}/${name}`)) return undefined
    const repository = nameOf(name)
    if (repository instanceof Error) return { kind: 'failed', location: { registry: this.registry, repository: name }, origin: first.entry.origin, error: repository }
    return { registry: this.registry, repository, demands }
  }

  /** For each entry that it concerns. */
  * #failures({ namespace, error }: Extract<Listed, { kind: 'failed' }>): Generator<ExpandEvent, void, void> {
    for (const filter of this.#filters) {
      if (namespace !== undefined && !filter.namespaces.test(namespace)) continue
      // What is not there is missed by nobody but who named it.
      if (namespace !== undefined && isMissing(error) && !filter.namespaces.names.includes(namespace)) continue
      filter.isMatched = true
      yield { kind: 'failed', location: { registry: this.registry, ...(namespace === undefined ? {} : { repository: namespace }) }, origin: filter.entry.origin, error }
    }
  }
}

function isMissing(error: unknown): boolean { return error instanceof Error && 'status' in error && error.status === 404 }

/** A registry may list names that the specification does not allow. */
function nameOf(name: string): RepositoryName | Error {
  if (isRepositoryName(name)) return name
  try { return parseRepositoryName(name) } catch (error) { return error as Error }
}
