// Which namespaces a catalog entry can want anything of: what an inventory lists namespace by namespace need not be listed for the others.
import type { EntrySource, Pattern } from './migration.ts'
import { matcherOf } from './pattern.ts'

export interface WantedNamespaces {
  /** These, without asking which there are. */
  readonly names: readonly string[]
  /** And those of all that there are which pass the test. */
  readonly isOpen: boolean
  readonly test: (namespace: string) => boolean
}

type CatalogSource = Extract<EntrySource, { kind: 'catalog' }>

export function namespacesOf({ prefix, include, harbor }: CatalogSource): WantedNamespaces {
  const projects = (harbor?.projects ?? []).map(matcherOf)
  const isProject = (namespace: string): boolean => projects.length === 0 || projects.some((m) => m.test(namespace))
  const firsts = prefix === '' ? include.map(firstOf) : [globOf(prefix.split('/', 1)[0] ?? '')]
  const matchers = firsts.map((first) => first && matcherOf(first))
  const isIncluded = (namespace: string): boolean => matchers.length === 0 || matchers.some((m) => m === undefined || m.test(namespace))
  const test = (namespace: string): boolean => isProject(namespace) && isIncluded(namespace)
  const named = literals(harbor?.projects ?? [])
  const closed = [named, literals(firsts)].find(({ isAll }) => isAll)
  // A project that is named is there, or that is told: also where others are found by a pattern.
  return { test, names: (closed ?? named).names.filter(test), isOpen: !closed }
}

/** What the first component has to match; `undefined`: any may do. */
function firstOf(pattern: Pattern): Pattern | undefined {
  if (pattern.kind === 'regex' || /[{(\\]|\[[^\]]*\//.test(pattern.glob)) return undefined
  const [first = ''] = pattern.glob.split('/', 1)
  return first.includes('**') ? undefined : globOf(first)
}

function globOf(glob: string): Pattern { return { kind: 'glob', glob } }

/** The patterns that stand for themselves, and whether there are such and no others. */
function literals(patterns: ReadonlyArray<Pattern | undefined>): { readonly names: readonly string[]; readonly isAll: boolean } {
  const names = patterns.flatMap((pattern) => (pattern?.kind === 'glob' && /^[\w.-]+$/.test(pattern.glob) ? [pattern.glob] : []))
  return { names: [...new Set(names)], isAll: names.length > 0 && names.length === patterns.length }
}
