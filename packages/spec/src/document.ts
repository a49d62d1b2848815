// A neighbour's configuration file: plain values, and where each of them was written. YAML or JSON, with the liberties of those who read it.
import { findNodeAtLocation, type Node as JsonNode, parseTree, type ParseError, printParseErrorCode } from 'jsonc-parser'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { type Problem, quoted, SpecError } from './spec-error.ts'

/** From 1. */
export interface Position { readonly line: number; readonly column: number }
export type Path = readonly PropertyKey[]

export interface SpecDocument {
  /** Of YAML, every scalar is text, but for nothing, which is null: whether `1.10` and `yes` are numbers and flags is the reader's to say. */
  readonly value: unknown
  /** Of the value at `path`, or of the nearest thing around it. */
  at(path: Path): Position
  /** Of the key itself. */
  atKey(path: Path): Position
}

/** JSON, or YAML in JSON's clothes: what begins like it. */
export function looksLikeJson(text: string): boolean {
  return /^\s*(?:\/\/|\/\*|\{\s*(?:"|\}|\/\/|\/\*))/.test(text)
}

/** @throws SpecError with what is wrong as YAML or JSON, keys that are there twice among it */
export function readDocument(file: string, text: string): SpecDocument {
  if (!looksLikeJson(text)) return readYamlDocument(file, text)
  try { return readJson(file, text) } catch (error) {
    // Keys without quotes, say: YAML in JSON's clothes.
    try { return readYamlDocument(file, text) } catch { throw error }
  }
}

/**
 * Merge keys and typed scalars are as in Go's YAML packages, by which these files were read so far.
 * @param part says on which line of the file the text begins, and whether a key that is there twice is an error
 * @throws SpecError
 */
export function readYamlDocument(file: string, text: string, part: { readonly firstLine: number; readonly uniqueKeys: boolean } = { firstLine: 1, uniqueKeys: true }): SpecDocument {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: part.uniqueKeys, schema: 'failsafe', merge: true })
  const position = (offset: number | undefined): Position => {
    if (offset === undefined) return { line: part.firstLine, column: 1 }
    const { line, col } = counter.linePos(offset)
    return { line: part.firstLine + line - 1, column: col }
  }
  const problems = document.errors.map((error): Problem => ({
    file, ...position(error.pos[0]),
    message: `is not valid YAML: ${error.code === 'MULTIPLE_DOCS' ? 'a spec is one YAML document; put the others into files of their own' : error.message}`,
  }))
  if (problems.length > 0) throw new SpecError(problems)
  visit(document, { Scalar: (key, node) => { if (key !== 'key' && node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(String(node.value))) node.value = null } })
  let value: unknown
  try { value = document.toJS({ maxAliasCount: 100 }) } catch (error) {
    throw new SpecError([{ file, line: part.firstLine, column: 1, message: `is not usable YAML: ${(error as Error).message}` }])
  }
  const resolved = (node: unknown): Node | undefined => (isAlias(node) ? node.resolve(document) : typeof node === 'object' && node !== null ? node as Node : undefined)
  /** A key of the map, or of what is merged into it. */
  const pairOf = (node: Node | undefined, key: PropertyKey): { readonly key: unknown; readonly value: unknown } | undefined => {
    if (!isMap(node)) return undefined
    const own = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
    if (own) return own
    for (const merged of node.items.filter((pair) => isScalar(pair.key) && pair.key.source === '<<')) {
      const target = resolved(merged.value)
      for (const one of isSeq(target) ? target.items.map(resolved) : [target]) {
        const found = pairOf(one, key)
        if (found) return found
      }
    }
    return undefined
  }
  const offsetOf = (path: Path, wantsKey: boolean): number | undefined => {
    let node: Node | undefined = document.contents ?? undefined
    let offset = node?.range?.[0]
    for (const [depth, part] of path.entries()) {
      const pair = pairOf(node, part)
      const next: unknown = pair ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined
      if (wantsKey && depth === path.length - 1 && isScalar(pair?.key)) return pair.key.range?.[0]
      const at = (next as Node | undefined)?.range?.[0]
      if (at === undefined) return offset
      offset = at
      node = resolved(next)
    }
    return offset
  }
  return { value, at: (path) => position(offsetOf(path, false)), atKey: (path) => position(offsetOf(path, true)) }
}

/** With comments and commas behind the last item. @throws SpecError */
function readJson(file: string, text: string): SpecDocument {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  const position = (offset: number): Position => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true })
  const problems = errors.map(({ error, offset }): Problem => ({ file, ...position(offset), message: `is not valid JSON: ${words(printParseErrorCode(error))}` }))
  if (problems.length > 0) throw new SpecError(problems)
  const value = tree && valueOf(tree, (key) => problems.push({ file, ...position(key.offset), message: `is not valid JSON: the key ${quoted(String(key.value))} is there twice` }))
  if (problems.length > 0) throw new SpecError(problems)
  const nodeAt = (path: Path): JsonNode | undefined => {
    if (!tree) return undefined
    for (let length = path.length; length >= 0; length--) {
      const node = findNodeAtLocation(tree, path.slice(0, length).map((part) => (typeof part === 'symbol' ? String(part) : part)))
      if (node) return node
    }
    return undefined
  }
  return {
    value, at: (path) => position(nodeAt(path)?.offset ?? 0),
    atKey: (path) => {
      const node = nodeAt(path)
      return position((node?.parent?.type === 'property' ? node.parent.offset : node?.offset) ?? 0)
    },
  }
}

function valueOf(node: JsonNode, onDuplicate: (key: JsonNode) => void): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child) => valueOf(child, onDuplicate))
  if (node.type !== 'object') return node.value
  const entries = new Map<string, unknown>()
  for (const { children: [key, value] = [] } of node.children ?? []) {
    if (!key || !value) continue
    if (entries.has(String(key.value))) onDuplicate(key)
    entries.set(String(key.value), valueOf(value, onDuplicate))
  }
  return Object.fromEntries(entries)
}

/** `CommaExpected` as `comma expected`. */
export function words(code: string): string { return code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase() }
