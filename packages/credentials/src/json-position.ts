/** Line and column, both from 1. */
export interface Position { readonly line: number; readonly column: number }

// V8's own message quotes the text around the fault, which in an auth file is a secret, and names no position beside it.
// oxlint-disable-next-line no-control-regex
const token = /[\t\n\r ]+|[{}[\],:]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.a-zA-Z])|(?:true|false|null)(?![\w$])/y

type Expect = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing'

/** Where `text` stops being JSON (RFC 8259), or undefined when it is JSON throughout. */
export function findJsonError(text: string): Position | undefined {
  const open: ('{' | '[')[] = []
  let expect: Expect = 'value'
  let at = 0
  const afterValue = (): Expect => (open.length === 0 ? 'nothing' : 'comma-or-end')
  while (at < text.length) {
    token.lastIndex = at
    const found = token.exec(text)?.[0]
    if (found === undefined) return positionAt(text, at)
    const next: Expect | undefined = /^[\t\n\r ]/.test(found) ? expect : step(found, expect, open, afterValue)
    if (next === undefined) return positionAt(text, at)
    expect = next
    at += found.length
  }
  return expect === 'nothing' ? undefined : positionAt(text, at)
}

function step(found: string, expect: Expect, open: ('{' | '[')[], afterValue: () => Expect): Expect | undefined {
  const valueWanted = expect === 'value' || expect === 'value-or-end'
  switch (found) {
    case '{': case '[':
      if (!valueWanted) return undefined
      open.push(found)
      return found === '{' ? 'key-or-end' : 'value-or-end'
    case '}':
      if (open.at(-1) !== '{' || (expect !== 'key-or-end' && expect !== 'comma-or-end')) return undefined
      open.pop()
      return afterValue()
    case ']':
      if (open.at(-1) !== '[' || (expect !== 'value-or-end' && expect !== 'comma-or-end')) return undefined
      open.pop()
      return afterValue()
    case ',':
      if (expect !== 'comma-or-end') return undefined
      return open.at(-1) === '{' ? 'key' : 'value'
    case ':':
      return expect === 'colon' ? 'value' : undefined
    default:
      if (expect === 'key' || expect === 'key-or-end') return found.startsWith('"') ? 'colon' : undefined
      return valueWanted ? afterValue() : undefined
  }
}

function positionAt(text: string, at: number): Position {
  const before = text.slice(0, at)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: at - lineStart + 1 }
}
