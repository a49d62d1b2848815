// Repositories that a migration finds rather than names.
import { isRepositoryName, MigrationError, parseRepositoryName, printable, type RepositoryName } from '@longshore/oci'
import type { Io } from '@longshore/transfer'
import type { Entry, EntrySource } from './migration.ts'
import { joinPath } from './place.ts'
import { matcherOf, type Matcher } from './pattern.ts'
import type { Demand, ExpandContext, ExpandEvent, Unit } from './unit.ts'

export type CatalogEntry = Entry & { readonly source: Extract<EntrySource, { kind: 'catalog' }> }

/** The patterns of a catalog entry match no repository: more likely a mistake than a wish. */
export class NothingMatchedError extends MigrationError {
  override readonly name = 'NothingMatchedError'
  override readonly code = 'NOTHING_MATCHED'
  constructor(registry: string, patterns: string) {
    super(printable(`no repository in the catalog of ${registry} matches ${patterns}; check the patterns, and whether these credentials see the whole catalog`))
  }
}

interface Filter { readonly entry: CatalogEntry; readonly include: readonly Matcher[]; readonly exclude: readonly Matcher[]; isMatched: boolean }

/** The catalog entries of one registry, which is read once for all of them. */
export class Catalog {
  readonly registry: string
  readonly #filters: readonly Filter[]

  constructor(registry: string, entries: readonly CatalogEntry[]) {
    this.registry = registry
    this.#filters = entries.map((entry) => ({ entry, include: entry.source.include.map(matcherOf), exclude: entry.source.exclude.map(matcherOf), isMatched: false }))
  }

  /** What the entries want of a repository. */
  demandsOn(repository: string): Demand[] {
    const demands: Demand[] = []
    for (const filter of this.#filters) {
      const { prefix } = filter.entry.source
      if (prefix !== '' && !repository.startsWith(`${prefix}/`)) continue
      const path = prefix === '' ? repository : repository.slice(prefix.length + 1)
      const isIncluded = filter.include.length === 0 || filter.include.some((m) => m.test(path))
      if (!isIncluded || filter.exclude.some((m) => m.test(path))) continue
      filter.isMatched = true
      demands.push({ entry: filter.entry, path })
    }
    return demands
  }

  /** The wanted repositories, as the pages arrive, without those in `known`. */
  async *units(context: ExpandContext, known: ReadonlySet<string>, io: Io): AsyncGenerator<Unit | ExpandEvent, void, void> {
    try {
      for await (const name of context.sourceFor(this.registry).catalog(io)) {
        const demands = this.demandsOn(name)
        const [first] = demands
        if (!first || known.has(`${this.registry}/${name}`)) continue
        const repository = nameOf(name)
        if (repository instanceof Error) yield { kind: 'failed', location: { registry: this.registry, repository: name }, origin: first.entry.origin, error: repository }
        else yield { registry: this.registry, repository, demands }
      }
    } catch (error) {
      io.signal.throwIfAborted()
      for (const { entry } of this.#filters) yield { kind: 'failed', location: { registry: this.registry }, origin: entry.origin, error }
      return
    }
    for (const { entry, include, isMatched } of this.#filters) {
      if (isMatched) continue
      const patterns = include.map((m) => joinPath(entry.source.prefix, m.text)).join(', ') || joinPath(entry.source.prefix, '**')
      yield { kind: 'failed', location: { registry: this.registry }, origin: entry.origin, error: new NothingMatchedError(this.registry, patterns) }
    }
  }
}

/** A registry may list names that the specification does not allow. */
function nameOf(name: string): RepositoryName | Error {
  if (isRepositoryName(name)) return name
  try { return parseRepositoryName(name) } catch (error) { return error as Error }
}
