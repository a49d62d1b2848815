// fmt: how values look, by %v and by the other verbs.
import { goQuote } from '../skopeo/go-words.ts'
import { GoDigest, GoFloat, GoList, GoMap, GoNil, GoStruct, GoTime, type GoValue } from './value.ts'

export function typeOf(value: GoValue): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return 'int'
  return value instanceof GoFloat ? 'float64' : value instanceof GoDigest ? 'digest.Digest' : value instanceof GoTime ? '*time.Time' : value.type
}

/** `%v`, or `%+v` with the names of fields. @param one prints what is no list, map or struct; for verbs other than %v */
export function show(value: GoValue, named = false, one: (value: GoValue) => string = plain): string {
  const inner = (each: GoValue): string => show(each, named, one)
  if (value instanceof GoList) return `[${(value.items ?? []).map(inner).join(' ')}]`
  if (value instanceof GoMap) return `map[${[...value.entries ?? []].map(([key, each]) => `${one(key)}:${inner(each)}`).join(' ')}]`
  if (value instanceof GoStruct) return `{${value.fields.map(({ name, value: each }) => (named ? `${name}:` : '') + inner(each)).join(' ')}}`
  return one(value)
}

function plain(value: GoValue): string {
  if (value instanceof GoFloat) return formatG(value.number)
  if (value instanceof GoDigest) return value.text
  if (value instanceof GoNil) return '<nil>'
  if (value instanceof GoTime) return value.toString()
  return typeof value === 'object' ? show(value) : String(value)
}

/** %v of a float64: the shortest that reads back, with an exponent from 1e21 on. */
function formatG(number: number): string {
  const text = String(number)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** fmt.Sprintf. @throws Error with what is not supported */
export function sprintf(format: string, args: readonly GoValue[]): string {
  let next = 0
  const out = format.replace(/%([-+# 0]*)(\d*)(?:\.(\d*))?([^])?/gu, (all, flags: string, width: string, precision: string | undefined, verb: string | undefined) => {
    if (verb === '%') return '%'
    if (verb === undefined) return '%!(NOVERB)'
    if (verb === '*' || verb === '[') throw new Error(`printf: ${all} is not supported`)
    const value = args[next++]
    if (value === undefined) return `%!${verb}(MISSING)`
    const text = showVerb(verb, value, flags, precision === undefined ? undefined : Number(precision))
    const missing = Math.max(0, Number(width) - Array.from(text).length)
    if (flags.includes('-')) return text + ' '.repeat(missing)
    const isNumber = typeof value === 'number' || value instanceof GoFloat
    return flags.includes('0') && isNumber ? text.replace(/^([+-]?)/, `$1${'0'.repeat(missing)}`) : ' '.repeat(missing) + text
  })
  return next >= args.length ? out : `${out}%!(EXTRA ${args.slice(next).map((value) => `${typeOf(value)}=${show(value)}`).join(', ')})`
}

function showVerb(verb: string, value: GoValue, flags: string, precision: number | undefined): string {
  const sign = (text: string): string => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : flags.includes(' ') && !text.startsWith('-') ? ` ${text}` : text)
  const cut = (text: string): string => (precision === undefined ? text : Array.from(text).slice(0, precision).join(''))
  const each = (one: GoValue): string => {
    const text = one instanceof GoDigest ? one.text : one instanceof GoTime ? one.toString() : one
    const wrong = `%!${verb}(${typeOf(one)}=${show(one)})`
    if (one instanceof GoNil && verb !== 'v') return `%!${verb}(<nil>)`
    switch (verb) {
      case 'v': return typeof one === 'string' || one instanceof GoDigest ? cut(plain(one)) : typeof one === 'number' ? sign(plain(one)) : plain(one)
      case 's': return typeof text === 'string' ? cut(text) : wrong
      case 'q': return typeof text === 'string' ? goQuote(cut(text)) : wrong
      case 't': return typeof one === 'boolean' ? String(one) : wrong
      case 'd': return typeof one === 'number' ? sign(String(one)) : wrong
      case 'x': case 'X': {
        const hex = typeof one === 'number' ? one.toString(16) : typeof text === 'string' ? Buffer.from(text).toString('hex') : undefined
        return hex === undefined ? wrong : verb === 'X' ? hex.toUpperCase() : hex
      }
      case 'c': return typeof one === 'number' ? String.fromCodePoint(one) : wrong
      case 'f': case 'F': return one instanceof GoFloat ? sign(one.number.toFixed(precision ?? 6)) : wrong
      case 'g': if (one instanceof GoFloat && precision === undefined) return sign(formatG(one.number)); return one instanceof GoFloat ? refuse(verb) : wrong
      default: return refuse(verb)
    }
  }
  if (verb === 'T') return typeOf(value)
  if (flags.includes('#')) throw new Error(`printf: the flag # of %${verb} is not supported`)
  return show(value, flags.includes('+'), each)
}

function refuse(verb: string): never { throw new Error(`printf: the verb %${verb} is not supported`) }
