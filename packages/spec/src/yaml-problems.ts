// From what zod complains about to a place in the YAML, in words.
import { isMap, isScalar, type Document, type LineCounter, type Node } from 'yaml'
import type { z } from 'zod'
import { type Problem, quoted } from './spec-error.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

const secretKeys = /^(?:pass(?:word|wd)?|user(?:name)?|cred(?:ential)?s?|auths?|authfile|token|identitytoken|registrytoken|secrets?|api[-_]?key)$/i

/** Zod's issues at their nodes. A secret's value is never shown. */
export function problemsOf(issues: readonly Issue[], document: Document, counter: LineCounter, file: string, known: (path: Path) => readonly string[]): Problem[] {
  const problems: Problem[] = []
  const add = (node: Node | undefined, message: string): void => {
    const offset = node?.range?.[0]
    const { line, col } = offset === undefined ? { line: 1, col: 1 } : counter.linePos(offset)
    problems.push({ file, line, column: col, message })
  }
  const visit = (issue: Issue, base: Path): void => {
    const path = [...base, ...issue.path]
    const node = nodeAt(document, path)
    const where = path.length === 0 ? 'the spec' : formatPath(path)
    const isPresent = path.length === 0 || document.hasIn(path)
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add(keyNode(node, key) ?? node, unknownKey(key, where, known(path)))
    } else if (!isPresent) {
      add(node, `${where} is missing`)
    } else if (issue.code === 'invalid_union') {
      const branch = bestBranch(issue.errors)
      if (branch) for (const inner of branch) visit(inner, path)
      else add(node, `${where} is of the wrong kind: ${expectedKinds(issue.errors)}${numberHint(node)}`)
    } else if (issue.code === 'invalid_type') {
      add(node, `${where} has to be ${kindName(issue.expected)}${numberHint(node)}`)
    } else if (issue.code === 'too_small' && issue.origin !== 'array' && issue.origin !== 'string') {
      add(node, `${where} must be ${issue.minimum} or more`)
    } else if (issue.code === 'invalid_value') {
      add(node, `${where} has to be ${issue.values.map(String).join(' or ')}`)
    } else {
      add(node, `${where}: ${issue.message}`)
    }
  }
  for (const issue of issues) visit(issue, [])
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
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
    case 'object': return 'a map'
    case 'boolean': return 'true or false'
    case 'int': case 'number': return 'a whole number'
    default: return expected
  }
}

/** YAML reads 1.10 as the number 1.1, which is another tag. */
function numberHint(node: Node | undefined): string {
  return isScalar(node) && typeof node.value === 'number' && node.source !== undefined ? ` (YAML reads ${node.source} as a number: quote it, '${node.source}')` : ''
}

function unknownKey(key: string, where: string, candidates: readonly string[]): string {
  if (secretKeys.test(key)) {
    return `${quoted(key)} in ${where}: credentials are not part of a spec; use "podman login" or "docker login", --authfile, --src-creds or --dest-creds`
  }
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
