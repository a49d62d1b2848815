import { MigrationError, printable } from '@longshore/oci'

/** Neither the mirrors nor the primary gave what was asked for; the `cause` is the primary's error. The wording is skopeo's. */
export class MirrorsFailedError extends MigrationError {
  override readonly name = 'MirrorsFailedError'
  override readonly code = 'MIRRORS_FAILED'
  constructor(mirrors: ReadonlyArray<{ readonly place: string; readonly error: unknown }>, primary: string, cause: unknown) {
    const told = mirrors.map(({ place, error }) => `[${place}: ${error instanceof Error ? error.message : String(error)}]`).join(' ')
    super(printable(`(Mirrors also failed: ${told}): ${primary}`), { cause })
  }
}
