// JSON where security depends on it: what could be read in two ways is not read at all (containers-signature(5), "JSON processing").

const maxDepth = 64

/**
 * RFC 8259 in UTF-8, without duplicate members, and without members called `__proto__`, which programs tell apart badly.
 * @throws SyntaxError whose message names the place
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new SyntaxError('not UTF-8')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // What V8 says quotes the text; the place is enough.
    const [, position] = /position (\d+)/.exec(error instanceof Error ? error.message : '') ?? []
    throw new SyntaxError(position === undefined ? 'not valid JSON: it ends too early' : `not valid JSON at ${lineAndColumn(text, Number(position))}`)
  }
  refuseDuplicates(text)
  return value
}

/** One object or array that is open; `name` is the member, `index` the element, that is being read. */
interface Level { readonly members: Set<string> | undefined; name: string; index: number }

/** Walks the tokens of a text that is known to be valid: a string right behind `{` or a `,` of an object is a member's name. */
function refuseDuplicates(text: string): void {
  const levels: Level[] = []
  let expectsName = false
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const level = levels.at(-1)
    if (token === '{' || token === '[') {
      if (levels.length >= maxDepth) throw new SyntaxError(`nested deeper than ${maxDepth} levels at ${lineAndColumn(text, index)}`)
      levels.push({ members: token === '{' ? new Set() : undefined, name: '', index: 0 })
      expectsName = token === '{'
    } else if (token === '}' || token === ']') {
      levels.pop()
      expectsName = false
    } else if (token === ',') {
      expectsName = level?.members !== undefined
      if (level && !level.members) level.index++
    } else if (expectsName && level?.members) {
      const name = JSON.parse(token) as string
      if (level.members.has(name)) throw new SyntaxError(`duplicate member "${name}"${placed(levels)} at ${lineAndColumn(text, index)}`)
      if (name === '__proto__') throw new SyntaxError(`member "__proto__"${placed(levels)} at ${lineAndColumn(text, index)}`)
      level.members.add(name)
      level.name = name
      expectsName = false
    }
  }
}

function placed(levels: readonly Level[]): string {
  const path = levels.slice(0, -1).map((level) => (level.members ? `.${level.name}` : `[${level.index}]`)).join('').replace(/^\./, '')
  return path === '' ? '' : ` in ${path}`
}

function lineAndColumn(text: string, position: number): string {
  const before = text.slice(0, position).split('\n')
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`
}
