import { MigrationError, printable } from '@longshore/oci'

/** More tags would go than the ceiling allows. Nothing was deleted. */
export class PruneCeilingError extends MigrationError {
  override readonly name = 'PruneCeilingError'
  override readonly code = 'PRUNE_CEILING'
  constructor(registry: string, orphans: number, tags: number, ceilingPercent: number) {
    super(printable(`${orphans} of ${tags} tags at ${registry} (${(orphans / tags * 100).toFixed(1)} %) are not at the source, and at most ${ceilingPercent} % may be deleted in one run; nothing was deleted. `
      + 'Look whether the source is whole and the spec is the right one; if so, give a higher ceiling'))
  }
}

/** The destination took more away than it was told to. The run ended there, and what could be put back was. */
export class PruneUnsafeError extends MigrationError {
  override readonly name = 'PruneUnsafeError'
  override readonly code = 'PRUNE_UNSAFE'
  constructor(registry: string, deleted: string, gone: readonly string[], lost: readonly string[]) {
    super(printable(`${registry} deleted ${gone.join(', ')} together with ${deleted}, which named the same manifest; ${
      lost.length === 0 ? 'they were put back' : `these could not be put back: ${lost.join(', ')}; migrate them again`}. Nothing more was deleted`))
  }
}
