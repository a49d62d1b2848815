import picomatch from 'picomatch'
import type { Pattern } from './migration.ts'
import { isTame, PatternWatch } from './pattern-watch.ts'

/** A pattern ready to be asked; `text` is how it is written. Both throw PatternTooSlowError. */
export interface Matcher {
  readonly text: string
  readonly test: (text: string) => boolean
  /** Those that match: of many texts cheaper than one by one. */
  readonly filter: <T extends string>(texts: readonly T[]) => readonly T[]
}

/** To compile one takes the square of its length. */
const longestGlob = 2000

/** `/source/flags` is a regular expression, all else a glob. @throws SyntaxError when the regular expression is not valid. */
export function parsePattern(text: string): Pattern {
  const match = /^\/(.*)\/([a-z]*)$/s.exec(text)
  if (!match) {
    if (text === '') throw new SyntaxError('an empty pattern matches nothing')
    if (text.length > longestGlob) throw new SyntaxError(`a glob has at most ${longestGlob} characters: write several`)
    if (text.startsWith('/')) throw new SyntaxError('a regular expression ends with / too')
    return { kind: 'glob', glob: text }
  }
  const [, source = '', flags = ''] = match
  const unknown = flags.replaceAll(/[isu]/g, '')
  if (unknown !== '') throw new SyntaxError(`the flag ${unknown[0]} is not taken; i, s and u are`)
  // oxlint-disable-next-line no-new
  new RegExp(source, flags)
  return { kind: 'regex', source, flags }
}

const known = new WeakMap<Pattern, Matcher>()

/** A glob is for the whole text, `*` and `?` stop at `/` and `**` does not; a regular expression may match anywhere. */
export function matcherOf(pattern: Pattern): Matcher {
  const former = known.get(pattern)
  if (former) return former
  const text = pattern.kind === 'glob' ? pattern.glob : `/${pattern.source}/${pattern.flags}`
  const isMatch = testOf(pattern)
  const watch = new PatternWatch(text, isTame(pattern))
  const made: Matcher = { text, test: (one) => watch.over([one], () => isMatch(one)), filter: (all) => watch.over(all, () => all.filter((one) => isMatch(one))) }
  known.set(pattern, made)
  return made
}

function testOf(pattern: Pattern): (text: string) => boolean {
  switch (pattern.kind) {
    case 'glob': {
      const isMatch = picomatch(pattern.glob, { dot: true, nonegate: true })
      return (text) => isMatch(text)
    }
    case 'regex': {
      const regex = new RegExp(pattern.source, pattern.flags)
      return (text) => regex.test(text)
    }
  }
}

/** A glob by itself, as in `matcherOf`. */
export function globMatcher(glob: string): Matcher { return matcherOf({ kind: 'glob', glob }) }
