import { MigrationError, printable } from '@longshore/oci'

/** Something to say about a place in a spec. `line` and `column` count from 1; absent where the whole file is meant. */
export interface Problem { readonly file: string; readonly line?: number; readonly column?: number; readonly message: string }

const shownProblems = 20
const quotedLength = 120

/** Everything that is wrong with the specs of one run; nothing was moved. */
export class SpecError extends MigrationError {
  override readonly name = 'SpecError'
  override readonly code = 'SPEC_INVALID'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems))
    this.problems = problems
  }
}

/** A line for each problem, the first twenty of them, then how many more there are. */
export function formatProblems(problems: readonly Problem[]): string {
  const lines = problems.slice(0, shownProblems).map(formatProblem)
  if (problems.length > shownProblems) lines.push(`and ${problems.length - shownProblems} more`)
  return lines.join('\n')
}

/** `file:line:column: message`, as editors and terminals link it. */
export function formatProblem(problem: Problem): string {
  return `${printable(placeOf(problem))}: ${printable(problem.message)}`
}

/** `file:line:column`, as far as it is known. */
export function placeOf({ file, line, column }: Omit<Problem, 'message'>): string {
  return [file, line, column].filter((part) => part !== undefined).join(':')
}

/** `text` in quotes, shortened: a line of a file that is no list may be megabytes long. */
export function quoted(text: string): string {
  return `"${text.length > quotedLength ? `${text.slice(0, quotedLength)}…` : text}"`
}
