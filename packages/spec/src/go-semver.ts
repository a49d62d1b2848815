// Version constraints of three Go libraries as node-semver ranges. Each says of itself what it takes; what has no equal here is refused,
// never guessed. Only whole versions and >, >=, <, <=, = are written, so that node-semver adds nothing of its own.

/** `prereleases`: the range speaks of prereleases as of other versions (node-semver's includePrerelease). */
export interface VersionRange { readonly semver: string; readonly prereleases?: true }

interface Version { readonly major: number; readonly minor: number; readonly patch: number; readonly pre: string }
interface Term { readonly op: string; readonly version: Version; /** How many numbers were written; 0 is `*`. */ readonly exact: number; readonly text: string }

const mostAlternatives = 256
const any = '>=0.0.0'
const never = '<0.0.0'

/**
 * Masterminds/semver v3, of skopeo: `>=`, `~`, `^`, `!=`, hyphens, wildcards, commas or spaces for "and", `||`. A prerelease is taken only
 * where every comparison of an alternative names one. Alternatives of both kinds make two ranges, which are united.
 * @throws SyntaxError
 */
export function mastermindsRange(text: string): readonly VersionRange[] {
  const releases: string[] = []
  const prereleases: string[] = []
  const spread = text.replaceAll(/(v?[\dxX*][^\s,|]*)\s+-\s+(v?[\dxX*][^\s,|]*)/g, '>= $1, <= $2')
  for (const alternative of spread.split('||')) {
    const terms = termsOf(alternative, text, /^(?:!=|>=|=>|<=|=<|~>|[=><~^])?/)
    const takesPrereleases = terms.every((term) => term.version.pre !== '' || (term.op === '!=' && term.exact === 3))
    const into = takesPrereleases ? prereleases : releases
    into.push(...product(terms.map((term) => (takesPrereleases ? withPrereleases(term) : ofReleases(term, text))), text))
  }
  return [
    ...(releases.length === 0 ? [] : [{ semver: releases.join(' || ') }]),
    ...(prereleases.length === 0 ? [] : [{ semver: prereleases.join(' || '), prereleases: true as const }]),
  ]
}

/** blang/semver v4, of dregsy: comparisons with spaces for "and", `||`, `!`, and `x` as a wildcard. Prereleases are versions like others. @throws SyntaxError */
export function blangRange(text: string): VersionRange {
  const alternatives = text.split('||').flatMap((alternative) => product(termsOf(alternative, text, /^(?:!=|>=|<=|==|[!=><])?/).map((term) => {
    if (term.exact < 3 && (term.exact === 0 || !/[xX*]/.test(term.text))) throw improper(text, `${term.text} is no whole version (1.2.3)`)
    const op = term.op === '!' ? '!=' : term.op === '==' ? '=' : term.op
    return ofReleases({ ...term, op, version: { ...term.version, pre: '' } }, text, term.version.pre)
  }), text))
  return { semver: alternatives.join(' || '), prereleases: true }
}

/** regclient's own, of regsync: comparisons with `^` and `~`, spaces for "and". Prereleases are versions like others. @throws SyntaxError */
export function regclientRange(text: string): VersionRange {
  const bounds = termsOf(text, text, /^(?:>=|<=|[=><~^])?/).map(({ op, version: v, exact, text: written }) => {
    if (exact === 0 || /[xX*]/.test(written)) throw improper(text, `${written} has a wildcard`)
    if (op === '^') return `>=${print(v)} <${v.major > 0 ? `${v.major + 1}.0.0` : v.minor > 0 ? `0.${v.minor + 1}.0` : `0.0.${v.patch + 1}`}`
    if (op === '~') return `>=${print(v)} <${v.major}.${v.minor + 1}.0`
    return `${op === '=' ? '' : op}${print(v)}`
  })
  return { semver: bounds.join(' '), prereleases: true }
}

/** The comparisons of one alternative. */
function termsOf(alternative: string, whole: string, operator: RegExp): readonly Term[] {
  const terms: Term[] = []
  let rest = alternative.trim()
  while (rest !== '') {
    const op = operator.exec(rest)?.[0] ?? ''
    const behind = rest.slice(op.length).trimStart()
    const match = /^v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?(?=[\s,]|$)/.exec(behind)
    if (!match) throw improper(whole, behind === '' ? 'a version is missing at the end' : `"${behind}" does not begin with a version`)
    const [text, ...numbers] = match
    const written = numbers.slice(0, 3)
    const wild = written.findIndex((part) => part === undefined || /[xX*]/.test(part))
    const exact = wild < 0 ? 3 : wild
    const pre = match[4] ?? ''
    if (pre !== '' && exact < 3) throw improper(whole, `${text} has a prerelease and no whole version before it`)
    if (written.slice(exact).some((part) => part !== undefined && /\d/.test(part))) throw improper(whole, `${text} has a number behind a wildcard`)
    const at = (index: number): number => (index < exact ? Number(written[index]) : 0)
    if ([0, 1, 2].some((index) => !Number.isSafeInteger(at(index)))) throw improper(whole, `a number of ${text} is too large`)
    terms.push({ op: op === '' ? '=' : op === '=>' ? '>=' : op === '=<' ? '<=' : op === '~>' ? '~' : op, version: { major: at(0), minor: at(1), patch: at(2), pre }, exact, text })
    rest = behind.slice(text.length).replace(/^\s*,?\s*/, '')
    if (rest === '' && /,\s*$/.test(behind)) throw improper(whole, 'it ends with a comma')
  }
  if (terms.length === 0) throw improper(whole, 'an alternative is empty')
  return terms
}

/**
 * The alternatives that one comparison stands for among releases; a prerelease in it is a point between two releases.
 * @param pre is compared as it is, where prereleases are versions like others
 */
function ofReleases({ op, version, exact, text }: Term, whole: string, pre = ''): readonly string[] {
  const { major, minor, patch } = version
  const whole3 = `${major}.${minor}.${patch}`
  const isPoint = version.pre !== ''
  const here = pre === '' ? whole3 : `${whole3}-${pre}`
  /** The first version that none of what was written covers any more. */
  const next = exact === 1 ? `${major + 1}.0.0` : `${major}.${minor + 1}.0`
  if (exact === 0) {
    if (['=', '~', '>='].includes(op)) return [any]
    throw improper(whole, `${text} behind ${op} means nothing that can be relied on: write * alone`)
  }
  switch (op) {
    case '=': return exact < 3 ? [`>=${whole3} <${next}`] : isPoint ? [never] : [here]
    case '!=': return exact < 3 ? [`<${whole3}`, `>=${next}`] : isPoint ? [any] : [`<${here}`, `>${here}`]
    case '>': return exact < 3 ? [`>=${next}`] : [isPoint ? `>=${whole3}` : `>${here}`]
    case '>=': return [`>=${here}`]
    case '<': return [`<${here}`]
    case '<=': return exact < 3 ? [`<${next}`] : [isPoint ? `<${whole3}` : `<=${here}`]
    // ~0.0.0 is everything, in Masterminds.
    case '~': return exact === 3 && major + minor + patch === 0 ? [any] : [`>=${whole3} <${exact === 1 ? next : `${major}.${minor + 1}.0`}`]
    default: return [`>=${whole3} <${major > 0 || exact === 1 ? `${major + 1}.0.0` : minor > 0 || exact === 2 ? `0.${minor + 1}.0` : `0.0.${patch + 1}`}`]
  }
}

/** One of Masterminds' comparisons where all of them speak of prereleases. */
function withPrereleases({ op, version: v }: Term): readonly string[] {
  const here = print(v)
  switch (op) {
    case '=': return [here]
    case '!=': return [`<${here}`, `>${here}`]
    case '~': return v.major + v.minor + v.patch === 0 ? [`>=${here}`] : [`>=${here} <${v.major}.${v.minor + 1}.0-0`]
    case '^': return [`>=${here} <${v.major > 0 ? `${v.major + 1}.0.0` : v.minor > 0 ? `0.${v.minor + 1}.0` : `0.0.${v.patch + 1}`}-0`]
    default: return [`${op}${here}`]
  }
}

/** "And" of alternatives as alternatives of "and". */
function product(terms: ReadonlyArray<readonly string[]>, whole: string): readonly string[] {
  return terms.reduce<readonly string[]>((all, alternatives) => {
    const next = all.flatMap((one) => alternatives.map((other) => (one === '' ? other : `${one} ${other}`)))
    if (next.length > mostAlternatives) throw improper(whole, 'it excludes too many versions with !=')
    return next
  }, [''])
}

function print({ major, minor, patch, pre }: Version): string { return `${major}.${minor}.${patch}${pre === '' ? '' : `-${pre}`}` }

function improper(text: string, why: string): SyntaxError { return new SyntaxError(`"${text}" is not a version constraint that is taken: ${why}`) }
