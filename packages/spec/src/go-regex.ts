// Go's regular expressions (RE2) as JavaScript's. What the two read differently is rewritten; what Go refuses is refused, so that a slip
// of the pen does not silently choose other tags. https://pkg.go.dev/regexp/syntax

/** For `new RegExp(source, flags)`; flags always hold `u`. */
export interface JsRegex { readonly source: string; readonly flags: string }

const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z', alpha: 'A-Za-z', ascii: '\\x00-\\x7F', blank: '\\t ', cntrl: '\\x00-\\x1F\\x7F', digit: '0-9', graph: '!-~', lower: 'a-z',
  print: ' -~', punct: '!-\\/:-@\\[-`\\{-~', space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '0-9A-Za-z_', xdigit: '0-9A-Fa-f',
}
const syntax = /[\^$\\.*+?()[\]{}|/]/

/** @throws SyntaxError */
export function goRegex(text: string): JsRegex {
  let flags = 'u'
  let rest = text
  const leading = /^\(\?([a-zA-Z]+)\)/.exec(text)
  if (leading) {
    // Tags and repository names have no line ends, so s and m change nothing.
    for (const flag of leading[1] ?? '') {
      if (flag === 'i' && !flags.includes('i')) flags = `i${flags}`
      else if (!'ism'.includes(flag)) throw new SyntaxError(`the flag ${flag} of (?${leading[1]}) is not taken`)
    }
    rest = text.slice(leading[0].length)
  }
  const source = translate(rest)
  try {
    void new RegExp(source, flags)
  } catch (error) {
    throw new SyntaxError((error as Error).message.replace(/^Invalid regular expression: .*: (?=[^:]+$)/, ''), { cause: error })
  }
  return { source, flags }
}

/** The whole text has to match, which is more than to put `^` and `$` around alternatives. @throws SyntaxError */
export function anchoredGoRegex(text: string): JsRegex {
  const { source, flags } = goRegex(text)
  return { source: `^(?:${source})$`, flags }
}

/** Whether `^text$` is not `^(?:text)$`: an alternative stands outside of every group. */
export function hasBareAlternative(text: string): boolean {
  return /^(?:[^\\[()|]|\\.|\[(?:\\.|[^\]\\])*\]|\((?:[^()\\[]|\\.|\[(?:\\.|[^\]\\])*\]|\((?:[^()\\]|\\.)*\))*\))*\|/s.test(text)
}

/** `$1`, `${name}` and `$$` of Go's Expand as String.replace writes them. @throws SyntaxError */
export function goReplacement(text: string): string {
  return text.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))?/g, (_, braced: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare
    if (name === undefined) return '$$'
    if (/^\d+$/.test(name)) return name === '0' ? '$&' : `$${name}`
    if (/^\d/.test(name)) throw new SyntaxError(`$${name} would be a group of the name "${name}": write \${${/^\d+/.exec(name)?.[0]}}${name.replace(/^\d+/, '')}`)
    return `$<${name}>`
  })
}

function translate(text: string): string {
  let out = ''
  for (let i = 0; i < text.length;) {
    const char = text[i] ?? ''
    if (char === '\\') {
      const [piece, length] = escape(text, i, false)
      out += piece
      i += length
    } else if (char === '[') {
      const [piece, length] = characterClass(text, i)
      out += piece
      i += length
    } else if (char === '(') {
      const [piece, length] = group(text, i)
      out += piece
      i += length
    } else if (char === '{') {
      const repeat = /^\{(\d+)(?:,(\d*))?\}/.exec(text.slice(i, i + 30))
      if (repeat && Math.max(Number(repeat[1]), Number(repeat[2] ?? 0)) > 1000) throw new SyntaxError(`${repeat[0]} repeats more than 1000 times`)
      out += repeat ? repeat[0] : '\\{'
      i += repeat ? repeat[0].length : 1
    } else {
      out += char === '}' || char === ']' ? `\\${char}` : char
      i++
    }
  }
  return out
}

/** What begins with `(`: JavaScript's own groups that Go does not know must not slip through. */
function group(text: string, i: number): readonly [string, number] {
  if (text[i + 1] !== '?') return ['(', 1]
  const plain = /^\(\?(?::|(?:i?-?i?):)/.exec(text.slice(i, i + 8))
  if (plain) return [plain[0], plain[0].length]
  const named = /^\(\?P?<(\w+)>/.exec(text.slice(i, i + 120))
  if (named) return [`(?<${named[1]}>`, named[0].length]
  if (/^\(\?<?[=!]/.test(text.slice(i, i + 4))) throw new SyntaxError('Go\'s regular expressions have no lookahead or lookbehind')
  throw new SyntaxError(`${quotedPiece(text, i)} is not taken; flags stand at the very beginning, as (?i)`)
}

function characterClass(text: string, start: number): readonly [string, number] {
  let i = start + 1
  let out = '['
  if (text[i] === '^') { out += '^'; i++ }
  for (let isFirst = true; ; isFirst = false) {
    const char = text[i]
    if (char === undefined) throw new SyntaxError('missing closing ]')
    if (char === ']' && !isFirst) return [`${out}]`, i + 1 - start]
    if (char === '[' && text[i + 1] === ':') {
      const named = /^\[:(\^?)(\w+):\]/.exec(text.slice(i, i + 14))
      const inside = named && posix[named[2] ?? '']
      if (!named || inside === undefined || named[1] === '^') throw new SyntaxError(`${quotedPiece(text, i)} is no class of characters that is taken`)
      out += inside
      i += named[0].length
    } else if (char === '\\') {
      const [piece, length] = escape(text, i, true)
      out += piece
      i += length
    } else {
      // A hyphen at either end, or behind a class, is itself in Go.
      out += char === ']' || char === '[' || (char === '-' && (isFirst || text[i + 1] === ']')) ? `\\${char}` : char
      i++
    }
  }
}

function escape(text: string, i: number, inClass: boolean): readonly [string, number] {
  const char = text[i + 1]
  if (char === undefined) throw new SyntaxError('a backslash at the end')
  if ('dDsSwW'.includes(char) || 'tnvfr'.includes(char)) return [`\\${char}`, 2]
  if (!inClass && (char === 'b' || char === 'B')) return [`\\${char}`, 2]
  if (!inClass && char === 'A') return ['^', 2]
  if (!inClass && char === 'z') return ['$', 2]
  if (char === 'a') return ['\\x07', 2]
  if (!inClass && char === 'Q') {
    const end = text.indexOf('\\E', i)
    const literal = text.slice(i + 2, end < 0 ? text.length : end)
    return [literal.replaceAll(new RegExp(syntax, 'g'), '\\$&'), (end < 0 ? text.length : end + 2) - i]
  }
  const hex = /^\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(text.slice(i, i + 12))
  if (hex) return [`\\u{${hex[1] ?? hex[2]}}`, hex[0].length]
  const property = /^\\[pP](?:\{(\w+)\}|([A-Z]))/.exec(text.slice(i, i + 40))
  if (property) {
    const name = property[1] ?? property[2] ?? ''
    return [`\\${char}{${name.length > 2 ? `Script=${name}` : name}}`, property[0].length]
  }
  if (/[0-9A-Za-z]/.test(char) || char.charCodeAt(0) > 0x7f) {
    throw new SyntaxError(`\\${char} is no escape of Go's${/[1-9]/.test(char) ? ': there are no references back' : ''}`)
  }
  return [syntax.test(char) || (inClass && char === '-') ? `\\${char}` : char, 2]
}

function quotedPiece(text: string, i: number): string { return `"${text.slice(i, i + 8)}${text.length > i + 8 ? '…' : ''}"` }
