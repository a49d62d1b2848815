// From tokens to a tree: pipelines of commands, if, with and range with else, variables.
import { functions } from './functions.ts'
import { lex, type Token } from './lex.ts'
import { positionAt, TemplateError } from './template-error.ts'
import { GoFloat, type GoValue } from './value.ts'

export type Operand = { readonly at: number; readonly text: string } & (
  | { readonly kind: 'dot'; readonly fields: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: 'constant'; readonly value: GoValue }
  | { readonly kind: 'nil' }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly fields: readonly string[] })
export interface Pipeline { readonly variables: readonly string[]; readonly assigns: boolean; readonly commands: ReadonlyArray<readonly Operand[]>; readonly at: number }
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipeline: Pipeline; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'break' | 'continue' }

const keywords = new Set(['if', 'else', 'end', 'range', 'with', 'define', 'template', 'block', 'break', 'continue'])

/** @throws TemplateError with the position of what is not understood */
export function parse(name: string, template: string): readonly Node[] {
  const pieces = lex(name, template)
  let at = 0
  const refuse = (offset: number, why: string): TemplateError => {
    const { line, column } = positionAt(template, offset)
    return new TemplateError(`template: ${name}:${line}:${column}: ${why}`)
  }
  const [nodes, end] = block([], 0)
  if (end !== undefined) throw refuse(end.at, `unexpected {{${end.word}}}`)
  return nodes

  /** Until an `end` or `else`, which is handed back with what follows it. */
  function block(scope: string[], loops: number): readonly [readonly Node[], { readonly word: string; readonly rest: readonly Token[]; readonly at: number } | undefined] {
    const found: Node[] = []
    for (let piece = pieces[at++]; piece; piece = pieces[at++]) {
      if (piece.kind === 'text') { found.push(piece); continue }
      const tokens = trim(piece.tokens)
      const [first] = tokens
      if (!first) throw refuse(piece.at, 'missing value for command')
      const word = first.kind === 'word' && keywords.has(first.text) ? first.text : ''
      const rest = trim(tokens.slice(1))
      switch (word) {
        case '': found.push({ kind: 'print', pipeline: pipeline(tokens, piece.at, scope, 'print') }); break
        case 'end': case 'else':
          if (word === 'end' && rest.length > 0) throw refuse(rest[0]?.at ?? piece.at, 'unexpected text in end')
          return [found, { word, rest, at: piece.at }]
        case 'break': case 'continue':
          if (loops === 0) throw refuse(piece.at, `{{${word}}} outside {{range}}`)
          found.push({ kind: word })
          break
        case 'if': case 'with': case 'range': found.push(control(word, rest, piece.at, scope, loops)); break
        default: throw refuse(piece.at, `{{${word}}} is not supported: a format is one template`)
      }
    }
    return [found, undefined]
  }

  function control(kind: 'if' | 'with' | 'range', tokens: readonly Token[], offset: number, scope: string[], loops: number): Node {
    const inner = [...scope]
    const condition = pipeline(tokens, offset, inner, kind)
    const [body, end_] = block([...inner], kind === 'range' ? loops + 1 : loops)
    if (!end_) throw refuse(offset, `unexpected EOF: {{${kind}}} has no {{end}}`)
    if (end_.word === 'end') return { kind, pipeline: condition, body, otherwise: [] }
    // `{{else if …}}` holds its own end.
    const [next] = end_.rest
    if (next) {
      const word = next.kind === 'word' ? next.text : ''
      if (word !== kind || kind === 'range') throw refuse(end_.at, 'unexpected text in else')
      return { kind, pipeline: condition, body, otherwise: [control(kind, trim(end_.rest.slice(1)), end_.at, inner, loops)] }
    }
    const [otherwise, last] = block([...inner], loops)
    if (last?.word !== 'end') throw refuse(offset, `expected end; found ${last ? '{{else}}' : 'EOF'}`)
    return { kind, pipeline: condition, body, otherwise }
  }

  function pipeline(tokens: readonly Token[], offset: number, scope: string[], kind: 'print' | 'if' | 'with' | 'range' | 'inner'): Pipeline {
    const solid = tokens.filter(({ kind: one }) => one !== 'space')
    const sign = solid.findIndex(({ kind: one }) => one === 'declare' || one === 'assign')
    const names = sign < 0 ? [] : solid.slice(0, sign)
    const variables = names.filter(({ kind: one }) => one === 'variable').map(({ text }) => text)
    const assigns = solid[sign]?.kind === 'assign'
    if (sign >= 0) {
      const isList = names.every(({ kind: one }, i) => one === (i % 2 === 0 ? 'variable' : 'comma'))
      if (kind === 'inner' || !isList || variables.length < 1 || variables.length > (kind === 'range' ? 2 : 1)) throw refuse(solid[sign]?.at ?? offset, 'unexpected declaration')
      for (const variable of assigns ? variables : []) if (!scope.includes(variable)) throw refuse(offset, `undefined variable ${JSON.stringify(variable)}`)
    }
    const [signToken] = sign < 0 ? [] : solid.slice(sign)
    const body = signToken ? tokens.slice(tokens.indexOf(signToken) + 1) : tokens
    const commands = commandsOf(trim(body), offset, scope)
    if (!assigns) scope.push(...variables)
    return { variables, assigns, commands, at: trim(body)[0]?.at ?? offset }
  }

  function commandsOf(tokens: readonly Token[], offset: number, scope: string[]): ReadonlyArray<readonly Operand[]> {
    const commands: Operand[][] = [[]]
    let isGlued = false
    for (let i = 0; i < tokens.length; i++) {
      const one = tokens[i]
      const command = commands.at(-1)
      if (!one || !command) break
      if (one.kind === 'space') { isGlued = false; continue }
      if (one.kind === 'pipe') {
        if (command.length === 0) throw refuse(one.at, 'missing value for command')
        commands.push([])
        isGlued = false
        continue
      }
      if (isGlued) throw refuse(one.at, `unexpected ${JSON.stringify(one.text)} in operand`)
      let text = one.text
      const base = ((): Operand => {
        switch (one.kind) {
          case 'dot': return { kind: 'dot', fields: [], at: one.at, text }
          case 'field': return { kind: 'dot', fields: [one.text.slice(1)], at: one.at, text }
          case 'variable':
            if (one.text !== '$' && !scope.includes(one.text)) throw refuse(one.at, `undefined variable ${JSON.stringify(one.text)}`)
            return { kind: 'variable', name: one.text, fields: [], at: one.at, text }
          case 'string': return { kind: 'constant', value: unquote(one), at: one.at, text }
          case 'number': return { kind: 'constant', value: number(one), at: one.at, text }
          case 'word':
            if (one.text === 'true' || one.text === 'false') return { kind: 'constant', value: one.text === 'true', at: one.at, text }
            if (one.text === 'nil') return { kind: 'nil', at: one.at, text }
            if (keywords.has(one.text)) throw refuse(one.at, `unexpected <${one.text}> in command`)
            if (!Object.hasOwn(functions, one.text)) throw refuse(one.at, `function ${JSON.stringify(one.text)} not defined`)
            return { kind: 'function', name: one.text, at: one.at, text }
          case 'open': {
            const close = closing(tokens, i)
            if (close < 0) throw refuse(one.at, 'unclosed left paren')
            const inner = pipeline(trim(tokens.slice(i + 1, close)), one.at, scope, 'inner')
            text = template.slice(one.at, (tokens[close]?.at ?? one.at) + 1)
            i = close
            return { kind: 'pipeline', pipeline: inner, fields: [], at: one.at, text }
          }
          case 'close': case 'comma': case 'declare': case 'assign': throw refuse(one.at, `unexpected ${JSON.stringify(one.text)} in operand`)
        }
      })()
      const fields: string[] = []
      for (let next = tokens[i + 1]; next?.kind === 'field'; next = tokens[i + 1]) {
        if (!('fields' in base) || (base.kind === 'dot' && base.fields.length === 0)) throw refuse(next.at, `unexpected ${JSON.stringify(next.text)} in operand`)
        fields.push(next.text.slice(1))
        text += next.text
        i++
      }
      command.push('fields' in base ? { ...base, fields: [...base.fields, ...fields], text } : base)
      isGlued = true
    }
    if (commands.some((command) => command.length === 0)) throw refuse(offset, 'missing value for command')
    for (const [i, [first, ...rest]] of commands.entries()) {
      if (first?.kind === 'nil') throw refuse(first.at, 'nil is not a command')
      // What stands before a pipe's end has to take the value.
      if (first && (rest.length > 0 || i > 0) && first.kind !== 'function' && !('fields' in first && first.fields.length > 0)) {
        throw refuse(first.at, i > 0 && first.kind === 'constant' ? `non executable command in pipeline stage ${i + 1}` : `can't give argument to non-function ${first.text}`)
      }
    }
    return commands
  }

  function unquote({ text, at: offset }: Token): GoValue {
    if (text.startsWith('`')) return text.slice(1, -1)
    const value = text.slice(1, -1).replace(/\\(?:([abfnrtv\\'"])|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.))/gs, (_, simple?: string, x?: string, u?: string, U?: string, octal?: string) => {
      if (simple !== undefined) return { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }[simple] ?? simple
      const code = x ?? u ?? U
      if (code === undefined && octal === undefined) throw refuse(offset, `invalid syntax in ${text}`)
      return String.fromCodePoint(Math.min(0x10ffff, code === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(code, 16)))
    })
    if (!text.startsWith("'")) return value
    if (Array.from(value).length !== 1) throw refuse(offset, `malformed character constant: ${text}`)
    return value.codePointAt(0) ?? 0
  }

  function number({ text, at: offset }: Token): GoValue {
    const value = Number(text)
    if (Number.isNaN(value) || (/^[+-]?\d+$/.test(text) && !Number.isSafeInteger(value))) throw refuse(offset, `bad number syntax: ${JSON.stringify(text)}`)
    return /[.eE]/.test(text) && !/^[+-]?0[xX]/.test(text) ? new GoFloat(value) : value
  }
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let i = open; i < tokens.length; i++) {
    if (tokens[i]?.kind === 'open') depth++
    if (tokens[i]?.kind === 'close' && --depth === 0) return i
  }
  return -1
}

function trim(tokens: readonly Token[]): readonly Token[] {
  const first = tokens.findIndex(({ kind }) => kind !== 'space')
  return first < 0 ? [] : tokens.slice(first, tokens.findLastIndex(({ kind }) => kind !== 'space') + 1)
}
