// Patterns are a user's, and through the coordinator's API a stranger's, and JavaScript's engine goes back over a text as often as a pattern
// makes it: `(a+)+$` never comes to an end on forty letters. So patterns run under a watch that ends them (docs/adr/0012-patterns.md).
import { createContext, Script } from 'node:vm'
import { MigrationError, printable } from '@longshore/oci'
import type { Pattern } from './migration.ts'

/** Some ten times what an ordinary pattern takes: 0.1 µs for a name. */
const limitMs = 250
const limitMsPerName = 0.01
/** Tags and repository names are no longer; what a registry lists may be. */
const longestName = 255

/** A pattern took more time than any that is meant takes. */
export class PatternTooSlowError extends MigrationError {
  override readonly name = 'PatternTooSlowError'
  override readonly code = 'PATTERN_TOO_SLOW'
  constructor(pattern: string) {
    super(printable(`the pattern ${pattern.length > 120 ? `${pattern.slice(0, 120)}…` : pattern} takes too long: repeat nothing that repeats itself, as in (a+)+, and use fewer of * and +`))
  }
}

/** Runs one pattern. Once it was too slow it is not run again. */
export class PatternWatch {
  readonly #pattern: string
  readonly #isTame: boolean
  #isTooSlow = false

  constructor(pattern: string, isTame: boolean) {
    this.#pattern = pattern
    this.#isTame = isTame
  }

  /** @param run may be begun twice, and abandoned @throws PatternTooSlowError */
  over<T>(texts: readonly string[], run: () => T): T {
    if (this.#isTooSlow) throw new PatternTooSlowError(this.#pattern)
    // A watch is a thread, some 100 µs: nothing for one name after the other, where none could take long.
    if (this.#isTame && texts.length <= 1 && texts.every(({ length }) => length <= longestName)) return run()
    const allowedMs = Math.ceil(limitMs + texts.length * limitMsPerName)
    for (let clockMs = allowedMs; ; clockMs *= 2) {
      const { user } = process.threadCpuUsage()
      try { return runLimited(run, clockMs) } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        // The limit is the clock's; the machine may have given the time to somebody else, or never give more than a share of it.
        const usedMs = (process.threadCpuUsage().user - user) / 1000
        if (usedMs < allowedMs / 2) continue
        this.#isTooSlow = true
        throw new PatternTooSlowError(this.#pattern)
      }
    }
  }
}

const place: { run?: () => unknown } = {}
let script: Script | undefined
function runLimited<T>(run: () => T, timeout: number): T {
  if (!script) {
    createContext(place)
    script = new Script('run()')
  }
  place.run = run
  try { return script.runInContext(place, { timeout }) as T } finally { delete place.run }
}

/**
 * Whether no name can take long: the engine may choose in two places at most, and nothing is repeated that has a choice in it. So the work is
 * at most the cube of the name's length.
 */
export function isTame(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case 'glob': return !pattern.glob.includes('(') && choices(pattern.glob, /\*+|[+{]/g) <= 2
    case 'regex': {
      const bare = pattern.source.replaceAll(/\[(?:\\.|[^\]\\])*\]|\\[^1-9k]/gs, 'x').replaceAll(/\(\?(?:<?[=!]|[a-z-]*:|<\w+>)/g, '(')
      return !/\)[*+?{]|\\/.test(bare) && choices(bare, /[*+?{|]/g) <= 2
    }
  }
}

function choices(text: string, choice: RegExp): number { return text.match(choice)?.length ?? 0 }
