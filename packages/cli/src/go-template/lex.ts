// A template's text in pieces: text that is printed, and actions as tokens. Go's text/template, "Text and spaces".
import { positionAt, TemplateError } from './template-error.ts'

export interface Token {
  readonly kind: 'dot' | 'field' | 'variable' | 'word' | 'string' | 'number' | 'pipe' | 'open' | 'close' | 'comma' | 'declare' | 'assign' | 'space'
  readonly text: string
  /** In the template, from 0. */
  readonly at: number
}

export type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly at: number }

const token = /(?<space>\s+)|(?<variable>\$[\p{L}_\d]*)|(?<number>[+-]?(?:0[xX][\da-fA-F]+|\.?\d[\d.]*(?:[eE][+-]?\d+)?))|(?<field>\.[\p{L}_][\p{L}_\d]*)|(?<dot>\.)|(?<word>[\p{L}_][\p{L}_\d]*)|(?<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')|(?<declare>:=)|(?<assign>=)|(?<pipe>\|)|(?<open>\()|(?<close>\))|(?<comma>,)/uy

/** @throws TemplateError */
export function lex(name: string, template: string): readonly Piece[] {
  const pieces: Piece[] = []
  const refuse = (at: number, why: string): TemplateError => {
    const { line, column } = positionAt(template, at)
    return new TemplateError(`template: ${name}:${line}:${column}: ${why}`)
  }
  let at = 0
  let trimNext = false
  while (at < template.length) {
    const start = template.indexOf('{{', at)
    const end = start < 0 ? template.length : start
    const trims = start >= 0 && /^\{\{-\s/.test(template.slice(start, start + 4))
    let text = template.slice(at, end)
    if (trimNext) text = text.trimStart()
    if (trims) text = text.trimEnd()
    if (text !== '') pieces.push({ kind: 'text', text })
    if (start < 0) return pieces
    at = start + (trims ? 3 : 2)
    const comment = /^\s*\/\*[^]*?\*\/(\s*-)?\}\}/.exec(template.slice(at))
    if (/^\s*\/\*/.test(template.slice(at))) {
      if (!comment) throw refuse(start, 'unclosed comment')
      trimNext = comment[1] !== undefined
      at += comment[0].length
      continue
    }
    const tokens: Token[] = []
    for (;;) {
      if (at >= template.length) throw refuse(start, 'unclosed action')
      if (/^\s-\}\}/.test(template.slice(at, at + 4))) { trimNext = true; at += 4; break }
      if (template.startsWith('}}', at)) { trimNext = false; at += 2; break }
      token.lastIndex = at
      const found = token.exec(template)
      if (!found) throw refuse(at, `unexpected ${JSON.stringify(template[at])} in operand`)
      const kind = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined)?.[0] as Token['kind']
      // The space before the end that trims belongs to the end.
      const length = kind === 'space' && template.startsWith('-}}', at + found[0].length) ? Math.max(0, found[0].length - 1) : found[0].length
      if (length > 0) tokens.push({ kind, text: found[0].slice(0, length), at })
      at += length
    }
    pieces.push({ kind: 'action', tokens, at: start })
  }
  return pieces
}
