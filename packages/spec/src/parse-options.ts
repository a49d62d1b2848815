import { InvalidReferenceError } from '@longshore/oci'
import type { AccessHint } from './access-hint.ts'
import type { Surroundings } from './env-value.ts'
import type { ContentOptions, Migration } from './migration.ts'
import { parsePlace, type Place } from './place.ts'
import { type Problem, SpecError } from './spec-error.ts'

/** What the command line adds to a spec. */
export interface ParseOptions {
  /** `HOST[/PREFIX]` for names that say no registry; overrides the spec's own. */
  readonly from?: string
  /** `HOST[/PREFIX]`, any number; overrides the spec's own. */
  readonly to?: readonly string[]
  /** Full references of other registries are read from `from` too, under the same path: it is a mirror of them. */
  readonly fromForAll?: boolean
  /** Overrides the spec's own. */
  readonly content?: Partial<ContentOptions>
  /** For what files of other tools ask of the process that reads them; absent: it is refused. */
  readonly surroundings?: Surroundings
}

export interface ParsedSpec {
  readonly migration: Migration
  /** What of it Kubernetes objects asked for, and the files that hold them: secrets may be in these, none is in the migration. */
  readonly objects?: { readonly files: ReadonlySet<string>; readonly migration: Migration }
  readonly warnings: readonly Problem[]
  /** Where its `cutover:` is. */
  readonly cutoverAt?: Omit<Problem, 'message'>
  /** Secrets among them: for the process that opens connections, and nobody else. */
  readonly access?: readonly AccessHint[]
}

/** The flags as places. @throws SpecError naming the flag. */
export function placesOf(options: ParseOptions): { readonly from: Place | undefined; readonly to: readonly Place[] | undefined } {
  const problems: Problem[] = []
  const place = (flag: string, text: string): Place | undefined => {
    try { return parsePlace(text) } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      problems.push({ file: flag, message: error.message })
      return undefined
    }
  }
  const from = options.from === undefined ? undefined : place('--from', options.from)
  const to = options.to?.map((text) => place('--to', text)).filter((p) => p !== undefined)
  if (problems.length > 0) throw new SpecError(problems)
  return { from, to: to?.length === 0 ? undefined : to }
}
