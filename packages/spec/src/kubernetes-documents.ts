// A stream of Kubernetes objects as text: JSON documents one behind the other, or YAML documents with `---` between them, some of which may
// be JSON. A cluster's pods are a hundred megabytes: JSON goes to the runtime's own parser, and a list in YAML is read item by item.
import { printParseErrorCode, visit } from 'jsonc-parser'
import { type Path, type Position, readYamlDocument, type SpecDocument, words } from './document.ts'
import { significant } from './kubernetes-format.ts'
import { SpecError } from './spec-error.ts'

/** Lists in YAML beyond this are read item by item: as one tree they would take a hundred times their size. */
const wholeListBytes = 1024 * 1024

/** @throws SpecError with what is wrong as YAML or JSON */
export function* readDocuments(file: string, text: string): Generator<SpecDocument, void, void> {
  for (const { text: one, line } of documentsOf(text)) {
    const content = significant(one)
    if (content.trim() === '') continue
    if (/^[[{]/.test(content)) yield* readJsonStream(file, content, line + newlines(one, one.length - content.length))
    else for (const piece of piecesOf(one, line)) yield readYamlDocument(file, piece.text, { firstLine: piece.line, uniqueKeys: false })
  }
}

interface Piece { readonly text: string; readonly line: number }

/** A line that begins with `---` begins a document, one with `...` ends it; neither can be part of a value. */
function* documentsOf(text: string): Generator<Piece, void, void> {
  let start = 0
  let line = 1
  let counted = 0
  const lineAt = (offset: number): number => {
    line += newlines(text, offset, counted)
    counted = offset
    return line
  }
  for (const { 0: mark, index } of text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)) {
    if (index > start) yield { text: text.slice(start, index), line: lineAt(start) }
    start = mark === '...' ? index + 3 : index
  }
  if (start < text.length) yield { text: text.slice(start), line: lineAt(start) }
}

/** The document, or the items of the list that it is: as kubectl prints one. */
function* piecesOf(text: string, line: number): Generator<Piece, void, void> {
  const items = text.length > wholeListBytes ? /^items:[ \t]*\r?\n(?=( *)- )/m.exec(text) : null
  if (!items || !/^kind:\s*["']?\w*List["']?\s*$/m.test(text)) {
    yield { text, line }
    return
  }
  const indent = items[1] ?? ''
  const begin = items.index + items[0].length
  // What stands in the first column is behind the list.
  const behind = /^(?=[^\s#-])/gm
  behind.lastIndex = begin
  const end = behind.exec(text)?.index ?? text.length
  let at = begin
  let atLine = line + newlines(text, begin)
  const next = new RegExp(`^${indent}- `, 'gm')
  while (at < end) {
    next.lastIndex = at + 1
    const until = Math.min(next.exec(text)?.index ?? end, end)
    yield { text: text.slice(at, until), line: atLine }
    atLine += newlines(text, until, at)
    at = until
  }
}

/** @throws SpecError */
function* readJsonStream(file: string, text: string, firstLine: number): Generator<SpecDocument, void, void> {
  let rest = text
  let line = firstLine
  while (rest.trim() !== '') {
    let one = rest
    let value: unknown
    try { value = JSON.parse(one) } catch {
      const { behind, error } = firstJsonError(rest, line)
      if (behind !== undefined) {
        one = rest.slice(0, behind)
        value = JSON.parse(one)
      } else {
        // YAML in JSON's clothes, perhaps.
        const yaml = rest === text && text.length < wholeListBytes ? readAsYaml(file, text, firstLine) : undefined
        if (!yaml) throw new SpecError([{ file, ...error }])
        yield yaml
        return
      }
    }
    yield { value, ...imagePlaces(one, line) }
    line += newlines(rest, one.length)
    rest = rest.slice(one.length)
  }
}

function readAsYaml(file: string, text: string, firstLine: number): SpecDocument | undefined {
  try { return readYamlDocument(file, text, { firstLine, uniqueKeys: false }) } catch (error) {
    if (error instanceof SpecError) return undefined
    throw error
  }
}

/** What is wrong with the first value; `behind` it is where another begins, when nothing is. */
function firstJsonError(text: string, firstLine: number): { readonly behind?: number; readonly error: Position & { readonly message: string } } {
  let first: { readonly behind?: number; readonly error: Position & { readonly message: string } } | undefined
  visit(text, {
    onError: (code, offset, _length, line, column) => {
      const name = printParseErrorCode(code)
      first ??= { ...(name === 'EndOfFileExpected' ? { behind: offset } : {}), error: { line: firstLine + line, column: column + 1, message: `is not valid JSON: ${words(name)}` } }
    },
  }, { disallowComments: true })
  return first ?? { error: { line: firstLine, column: 1, message: 'is not valid JSON' } }
}

/** Nothing but keys that images stand at is ever asked for, so only these places are kept. */
function imagePlaces(text: string, firstLine: number): Pick<SpecDocument, 'at' | 'atKey'> {
  const places = new Map<string, Position>()
  const start = { line: firstLine, column: 1 }
  visit(text, {
    onObjectProperty: (property, _offset, _length, line, column, pathSupplier) => {
      if (property === 'image') places.set(JSON.stringify([...pathSupplier(), property]), { line: firstLine + line, column: column + 1 })
    },
  })
  const place = (path: Path): Position => places.get(JSON.stringify(path)) ?? start
  return { at: place, atKey: place }
}

function newlines(text: string, end: number, start = 0): number {
  let count = 0
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count++
  return count
}
