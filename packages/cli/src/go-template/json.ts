// encoding/json's MarshalIndent: struct order, sorted maps, and HTML's characters escaped.
import { GoDigest, type GoField, GoFloat, GoList, GoMap, GoNil, GoStruct, GoTime, type GoValue } from './value.ts'

/** @param indent '' for one line without spaces */
export function marshal(value: GoValue, indent = '    ', depth = 0): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (value instanceof GoFloat) return String(value.number)
  if (value instanceof GoDigest) return quote(value.text)
  if (value instanceof GoTime) return quote(value.rfc3339())
  if (value instanceof GoNil) return 'null'
  const inner = (one: GoValue): string => marshal(one, indent, depth + 1)
  if (value instanceof GoList) return value.items === undefined ? 'null' : wrap('[', ']', value.items.map(inner), indent, depth)
  if (value instanceof GoMap) return value.entries === undefined ? 'null' : wrap('{', '}', pairs([...value.entries], inner, indent), indent, depth)
  return wrap('{', '}', pairs(fieldsOf(value).filter(({ omitEmpty, value: field }) => omitEmpty !== true || !isEmpty(field)).map(({ json, value: field }) => [json, field] as const), inner, indent), indent, depth)
}

function fieldsOf(struct: GoStruct): readonly GoField[] {
  return struct.fields.flatMap((field) => (field.json === '' && field.value instanceof GoStruct ? fieldsOf(field.value) : [field]))
}

function pairs(entries: ReadonlyArray<readonly [string, GoValue]>, inner: (one: GoValue) => string, indent: string): readonly string[] {
  return entries.map(([key, value]) => `${quote(key)}:${indent === '' ? '' : ' '}${inner(value)}`)
}

function wrap(open: string, close: string, parts: readonly string[], indent: string, depth: number): string {
  if (parts.length === 0) return open + close
  if (indent === '') return open + parts.join(',') + close
  const line = `\n${indent.repeat(depth + 1)}`
  return `${open}${line}${parts.join(`,${line}`)}\n${indent.repeat(depth)}${close}`
}

/** What `omitempty` leaves out: never a struct. */
function isEmpty(value: GoValue): boolean {
  if (value instanceof GoList) return (value.items?.length ?? 0) === 0
  if (value instanceof GoMap) return (value.entries?.size ?? 0) === 0
  if (value instanceof GoDigest) return value.text === ''
  if (value instanceof GoFloat) return value.number === 0
  return value instanceof GoNil || value === '' || value === false || value === 0
}

function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(/[<>&\u2028\u2029]|\\[bf]/g, (found) => (found === '\\b' ? '\\u0008' : found === '\\f' ? '\\u000c' : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
