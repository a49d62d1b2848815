// From what zod complains about to a place in the YAML, in words.
import { isMap, isScalar, type Document, type LineCounter, type Node } from 'yaml'
import type { z } from 'zod'
import type { Path, Position } from './document.ts'
import { type Problem, quoted } from './spec-error.ts'

type Issue = z.core.$ZodIssue

const secretKeys = /^(?:pass(?:word|wd)?|user(?:name)?|cred(?:ential)?s?|auths?|authfile|token|identitytoken|registrytoken|secrets?|api[-_]?key)$/i

/** Where the values of a file are. */
export interface Places {
  readonly has: (path: Path) => boolean
  /** Of the value, or of the nearest thing around it. */
  readonly at: (path: Path) => Position
  readonly atKey: (path: Path) => Position
  /** How a number, or true and false, are written there: YAML reads them as no text. */
  readonly bareAt?: (path: Path) => { readonly written: string; readonly kind: 'number' | 'boolean' } | undefined
}

/** Zod's issues at their places. A secret's value is never shown. */
export function problemsOf(issues: readonly Issue[], places: Places, file: string, known: (path: Path) => readonly string[], complain: (key: string) => string | undefined = secretKey): Problem[] {
  const problems: Problem[] = []
  const add = (position: Position, message: string): void => { problems.push({ file, ...position, message }) }
  const visit = (issue: Issue, base: Path): void => {
    const path = [...base, ...issue.path]
    const position = places.at(path)
    const where = path.length === 0 ? 'the spec' : formatPath(path)
    const isPresent = path.length === 0 || places.has(path)
    const hint = (): string => bareHint(places.bareAt?.(path))
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add(places.atKey([...path, key]), complain(key) === undefined ? unknownKey(key, where, known(path)) : `${quoted(key)} in ${where}: ${complain(key)}`)
    } else if (!isPresent) {
      add(position, `${where} is missing`)
    } else if (issue.code === 'invalid_union') {
      const branch = bestBranch(issue.errors)
      if (branch) for (const inner of branch) visit(inner, path)
      else add(position, `${where} is of the wrong kind: ${expectedKinds(issue.errors)}${hint()}`)
    } else if (issue.code === 'invalid_type') {
      add(position, `${where} has to be ${kindName(issue.expected)}${hint()}`)
    } else if (issue.code === 'too_small' && issue.origin !== 'array' && issue.origin !== 'string') {
      add(position, `${where} must be ${issue.minimum} or more`)
    } else if (issue.code === 'too_small' && issue.origin === 'array') {
      add(position, `${where} is empty: write at least ${issue.minimum === 1 ? 'one' : String(issue.minimum)}`)
    } else if (issue.code === 'invalid_value') {
      add(position, `${where} has to be ${issue.values.map(String).join(' or ')}`)
    } else {
      add(position, `${where}: ${issue.message}`)
    }
  }
  for (const issue of issues) visit(issue, [])
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

/** The places of a YAML document that was read with numbers as numbers. */
export function yamlPlaces(document: Document, counter: LineCounter): Places {
  const position = (node: Node | undefined): Position => {
    const offset = node?.range?.[0]
    if (offset === undefined) return { line: 1, column: 1 }
    const { line, col } = counter.linePos(offset)
    return { line, column: col }
  }
  return {
    has: (path) => document.hasIn(path),
    at: (path) => position(nodeAt(document, path)),
    atKey: (path) => position(keyNode(nodeAt(document, path.slice(0, -1)), String(path.at(-1))) ?? nodeAt(document, path.slice(0, -1))),
    bareAt: (path) => {
      const node = nodeAt(document, path)
      const kind = isScalar(node) ? typeof node.value : undefined
      return isScalar(node) && node.source !== undefined && (kind === 'number' || kind === 'boolean') ? { written: node.source, kind } : undefined
    },
  }
}

/** The branch that fits the value's kind; of an object's complaints, those inside it. */
function bestBranch(branches: ReadonlyArray<readonly Issue[]>): readonly Issue[] | undefined {
  return branches.find((issues) => !issues.some((issue) => issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')))
}

function expectedKinds(branches: ReadonlyArray<readonly Issue[]>): string {
  const kinds = branches.flat().filter((issue) => issue.code === 'invalid_type' && issue.path.length === 0)
    .map((issue) => (issue.code === 'invalid_type' ? kindName(issue.expected) : ''))
  return `it has to be ${[...new Set(kinds)].join(' or ')}`
}

function kindName(expected: string): string {
  switch (expected) {
    case 'string': return 'text'
    case 'array': return 'a list'
    case 'object': case 'record': return 'a map'
    case 'boolean': return 'true or false'
    case 'int': case 'number': return 'a whole number'
    default: return expected
  }
}

/** YAML reads 1.10 as the number 1.1, which is another tag, and true as no word. */
function bareHint(bare: ReturnType<NonNullable<Places['bareAt']>>): string {
  return bare === undefined ? '' : ` (YAML reads ${bare.written} as a ${bare.kind}: quote it, '${bare.written}')`
}

function secretKey(key: string): string | undefined {
  return secretKeys.test(key) ? 'credentials are not part of a spec; use "podman login" or "docker login", --authfile, --src-creds or --dest-creds' : undefined
}

function unknownKey(key: string, where: string, candidates: readonly string[]): string {
  const near = candidates.map((name) => [distance(key.toLowerCase(), name.toLowerCase()), name] as const).toSorted((a, b) => a[0] - b[0])[0]
  const hint = near && near[0] <= Math.max(2, key.length / 3) ? `; did you mean "${near[1]}"?` : candidates.length > 0 ? `; known are ${candidates.join(', ')}` : ''
  return `${quoted(key)} is not a key of ${where}${hint}`
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  if (a.length > 40) return a.length
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The node at `path`, through aliases it may be absent; then its nearest parent. */
export function nodeAt(document: Document, path: Path): Node | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (typeof node === 'object' && node !== null) return node as Node
  }
  return undefined
}

function keyNode(node: Node | undefined, key: string): Node | undefined {
  const found = isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)?.key : undefined
  return isScalar(found) ? found : undefined
}

function formatPath(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`)).join('')
}
