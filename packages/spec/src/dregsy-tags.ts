// The `tags` of a dregsy mapping: names, and filters of which one has to take a tag; `keep:` then chooses among those.
import { isTag } from '@longshore/oci'
import type { Path } from './document.ts'
import { explain, type Findings } from './foreign-file.ts'
import { anchoredGoRegex, hasBareAlternative, type JsRegex } from './go-regex.ts'
import { blangRange } from './go-semver.ts'
import type { Pattern, Requested, Selection, TagRule } from './migration.ts'
import { matcherOf } from './pattern.ts'
import { quoted } from './spec-error.ts'

interface Filter { readonly regex: JsRegex; readonly isInverted: boolean }

/** ParseTolerant of blang/semver takes parts that are missing, but then no prerelease. */
const tolerant: Pattern = { kind: 'regex', source: String.raw`^v?\d+(?:\.\d+(?:\.\d+(?:-[0-9A-Za-z.-]+)?)?)?$`, flags: 'u' }

/**
 * @param digests are wanted besides, or alone
 * @param isCatalog names are a choice among the tags of each repository, and not asked of every one
 */
export function dregsySelection(findings: Findings, path: Path, tags: readonly string[], digests: readonly Requested[], isCatalog: boolean): Selection {
  const verbatim: string[] = []
  const anyOf: Array<NonNullable<TagRule['anyOf']>[number]> = []
  const keep: Filter[] = []
  let latest: number | undefined
  for (const [index, written] of tags.entries()) {
    const at = [...path, index]
    const [, kind, behind = ''] = /^(semver|regex|keep):(.*)$/s.exec(written) ?? []
    const count = kind === 'keep' ? /^\s*latest\s+(\d+)\s*$/.exec(behind)?.[1] : undefined
    if (count !== undefined) {
      latest = Math.min(latest ?? Infinity, Number(count))
      if (latest === 0) findings.problem(at, 'keep: latest 0 keeps nothing')
    } else if (kind === 'semver') {
      const range = findings.try(at, () => blangRange(behind.trim()))
      if (range) anyOf.push({ include: [tolerant], ...range })
    } else if (kind === undefined) {
      if (isTag(written)) verbatim.push(written)
      else findings.problem(at, `${quoted(written)} is not a valid tag, and no filter begins so: semver:, regex: and keep: do`)
    } else {
      const filter = filterOf(findings, at, behind)
      if (filter && kind === 'keep') keep.push(filter)
      else if (filter) anyOf.push({ [filter.isInverted ? 'exclude' : 'include']: [{ kind: 'regex', ...filter.regex }] })
    }
  }
  const kept = findings.try(path, () => verbatim.filter((tag) => keep.every(({ regex, isInverted }) => matcherOf({ kind: 'regex', ...regex }).test(tag) !== isInverted)).filter(isTag)) ?? []
  const isNamed = latest === undefined && !isCatalog
  const named = isNamed ? kept.map((reference): Requested => ({ reference })) : []
  const references = [...named, ...digests]
  const isNamedOnly = anyOf.length === 0 && verbatim.length > 0 && (isNamed || kept.length === 0)
  if (isNamedOnly || (tags.length === 0 && digests.length > 0)) return { kind: 'references', references }
  const exact = isNamed || kept.length === 0 ? [] : [{ include: [{ kind: 'regex' as const, source: `^(?:${kept.map((tag) => tag.replaceAll('.', '\\.')).join('|')})$`, flags: '' }] }]
  const rules = [...anyOf, ...exact]
  return { kind: 'rule', references, rule: { ...(rules.length > 0 && { anyOf: rules }), ...keepRule(keep), ...(latest !== undefined && { latest: { count: latest, by: 'semver' } }) } }
}

/** Every one of them has to agree. */
function keepRule(keep: readonly Filter[]): Pick<TagRule, 'include' | 'exclude'> {
  const wanted = keep.filter(({ isInverted }) => !isInverted).map(({ regex }) => regex)
  const unwanted = keep.filter(({ isInverted }) => isInverted).map(({ regex }) => regex)
  const [first] = wanted
  const together: JsRegex | undefined = wanted.length < 2 ? first
    : { source: `^${wanted.map(({ source, flags }) => `(?=${flags.includes('i') ? `(?i:${source})` : source})`).join('')}`, flags: 'u' }
  return { ...(together && { include: [{ kind: 'regex', ...together }] }), ...(unwanted.length > 0 && { exclude: unwanted.map((regex) => ({ kind: 'regex' as const, ...regex })) }) }
}

/** `!` in front inverts. */
function filterOf(findings: Findings, path: Path, written: string): Filter | undefined {
  const bare = written.trim()
  const isInverted = bare.startsWith('!')
  const expression = isInverted ? bare.slice(1) : bare
  const regex = findings.try(path, () => wholeRegex(findings, path, expression))
  return regex && { regex, isInverted }
}

/** dregsy puts `^` before and `$` behind. @throws SyntaxError */
export function wholeRegex(findings: Findings, path: Path, expression: string): JsRegex {
  const regex = explain(expression, () => anchoredGoRegex(expression))
  if (hasBareAlternative(expression)) findings.warn(path, `${quoted(expression)} has to match the whole text here; dregsy would take ^${expression}$, where ^ and $ belong to the first and the last alternative only`)
  return regex
}
