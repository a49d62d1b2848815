// What the readers of other tools' files have in common: they check first, and then collect what they find.
import { printable } from '@longshore/oci'
import { z } from 'zod'
import type { AccessHint } from './access-hint.ts'
import type { Path, Position, SpecDocument } from './document.ts'
import { knownKeys } from './known-keys.ts'
import type { Entry } from './migration.ts'
import { PatternTooSlowError } from './pattern-watch.ts'
import type { ParsedSpec } from './parse-options.ts'
import { type Problem, quoted, SpecError } from './spec-error.ts'
import { problemsOf } from './yaml-problems.ts'

/** Text; YAML's `1.10` is just that. */
export const text = z.string()
export const texts = z.array(text)

/** As Go's YAML packages read what is to be a flag. */
export const flag = z.union([z.boolean(), z.string()]).transform((value, context): boolean => {
  if (typeof value === 'boolean') return value
  if (/^(?:true|yes|on|y)$/i.test(value)) return true
  if (/^(?:false|no|off|n)$/i.test(value)) return false
  context.addIssue({ code: 'custom', message: 'has to be true or false' })
  return z.NEVER
})

/** Taken as it is written, whatever it is: to be told that it is left out. */
export const anything = z.unknown()

/** What `schema` makes of the document. @throws SpecError */
export function checkDocument<T extends z.ZodType>(file: string, document: SpecDocument, schema: T): z.output<T> {
  const result = schema.safeParse(document.value)
  if (result.success) return result.data
  // Credentials have their place in these files; a key that is none of theirs is just unknown.
  throw new SpecError(problemsOf(result.error.issues, { ...document, has: (path) => valueAt(document.value, path) !== undefined }, file, (path) => knownKeys(schema, path), () => undefined))
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, part) => (typeof at === 'object' && at !== null && Object.hasOwn(at, part) ? (at as Record<PropertyKey, unknown>)[part] : undefined), value)
}

/** The entries of a file, what is wrong with it and what was left out, as they are come upon. */
export class Findings {
  readonly file: string
  readonly document: SpecDocument
  readonly entries: Entry[] = []
  readonly access: AccessHint[] = []
  readonly #problems: Problem[] = []
  readonly #warnings: Problem[] = []
  readonly #left = new Map<string, { readonly at: Position; readonly message: string; count: number }>()

  constructor(file: string, document: SpecDocument) {
    this.file = file
    this.document = document
  }

  problem(path: Path, message: string): void { this.#problems.push({ file: this.file, ...this.document.at(path), message }) }
  keyProblem(path: Path, message: string): void { this.#problems.push({ file: this.file, ...this.document.atKey(path), message }) }
  warn(path: Path, message: string): void { this.#warnings.push({ file: this.file, ...this.document.at(path), message }) }

  /** A warning about a key; however often it is there, it is told once, at the first. */
  leaveOut(path: Path, message: string): void {
    const known = this.#left.get(message)
    if (known) known.count++
    else this.#left.set(message, { at: this.document.atKey(path), message, count: 1 })
  }

  /** What `read` returns, or the problem that it throws. */
  try<T>(path: Path, read: () => T, isKey = false): T | undefined {
    try { return read() } catch (error) {
      const isTooSlow = error instanceof PatternTooSlowError
      if (!(isTooSlow || error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'REFERENCE_INVALID'))) throw error
      this.#problems.push({ file: this.file, ...(isKey ? this.document.atKey(path) : this.document.at(path)), message: error.message })
      // Others like it would each take their time, and whoever reads the file waits.
      if (isTooSlow) this.end()
      return undefined
    }
  }

  origin(path: Path): { readonly file: string; readonly line: number } { return { file: this.file, line: this.document.atKey(path).line } }
  place(path: Path): string { return `${this.file}:${this.document.atKey(path).line}` }

  /** @throws SpecError */
  end(): ParsedSpec {
    if (this.#problems.length > 0) throw new SpecError(inOrder(this.#problems))
    const left = [...this.#left.values()].map(({ at, message, count }): Problem => ({ file: this.file, ...at, message: count === 1 ? message : `${message} (and ${count - 1} more)` }))
    return { migration: { entries: this.entries }, warnings: inOrder([...this.#warnings, ...left]), ...(this.access.length === 0 ? {} : { access: this.access }) }
  }
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

/** What is wrong with a regular expression, naming all of it. @throws SyntaxError */
export function explain<T>(whole: string, read: () => T): T {
  try { return read() } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new SyntaxError(printable(`${quoted(whole)} is not a valid regular expression: ${error.message}`), { cause: error })
  }
}
