// Which namespaces a catalog entry can want anything of: what an inventory lists namespace by namespace need not be listed for the others.
import type { EntrySource, Pattern } from './migration.ts'
import { matcherOf } from './pattern.ts'

export interface WantedNamespaces {
  /** These, without asking which there are; absent: those of all that there are which pass the test. */
  readonly names?: readonly string[]
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
  const names = namesOf(harbor?.projects ?? []) ?? namesOf(firsts)
  return { test, ...(names && { names: names.filter(test) }) }
}

/** What the first component has to match; `undefined`: any may do. */
function firstOf(pattern: Pattern): Pattern | undefined {
  if (pattern.kind === 'regex' || /[{(\\]|\[[^\]]*\//.test(pattern.glob)) return undefined
  const [first = ''] = pattern.glob.split('/', 1)
  return first.includes('**') ? undefined : globOf(first)
}

function globOf(glob: string): Pattern { return { kind: 'glob', glob } }

/** Where all of the patterns stand for themselves. */
function namesOf(patterns: ReadonlyArray<Pattern | undefined>): readonly string[] | undefined {
  if (patterns.length === 0) return undefined
  const names = patterns.flatMap((pattern) => (pattern?.kind === 'glob' && /^[\w.-]+$/.test(pattern.glob) ? [pattern.glob] : []))
  return names.length === patterns.length ? [...new Set(names)] : undefined
}
