// `q=`, `sort=`, `page=` and `page_size=` of Harbor's lists. https://github.com/goharbor/harbor/blob/v2.12.0/src/lib/q/builder.go
import type { Answer, Call } from './call.ts'
import { badRequest, unprocessable } from './harbor-error.ts'

type Word = string | number

export type Pattern =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'fuzzy'; readonly value: string }
  | { readonly kind: 'range'; readonly min?: Word; readonly max?: Word }
  /** Any of them. */
  | { readonly kind: 'or'; readonly values: readonly string[] }
  /** All of them. */
  | { readonly kind: 'and'; readonly values: readonly string[] }

/** @throws HarborRefusal 400 */
export function parseQuery(text: string): ReadonlyMap<string, Pattern> {
  const found = new Map<string, Pattern>()
  if (text === '') return found
  for (const part of unescaped(text).split(',')) {
    const [, key = '', value = ''] = /^([^=]*)=([\s\S]*)$/.exec(part) ?? []
    if (key === '' || value === '') throw badRequest('the query string must contain "=" and the key/value cannot be empty')
    found.set(key, patternOf(value))
  }
  return found
}

/** `q=tags%253Dnil` is understood too. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

function patternOf(value: string): Pattern {
  const invalid = (why: string): never => { throw badRequest(`invalid query string value: ${value}: ${why}`) }
  const list = value.slice(1, -1).split(' ').map((word) => word.trim().replace(/^["']+|["']+$/g, '')).filter((word) => word !== '')
  switch (value.charAt(0)) {
    case '~': return value.length < 2 ? invalid('fuzzy match value must start with "~" and contain at least 1 other characters') : { kind: 'fuzzy', value: value.slice(1) }
    case '[': {
      const [, min = '', max = ''] = /^\[([^~]*)~([^~]*)\]$/.exec(value) ?? invalid('range must start with "[", end with "]" and contains only one "~"')
      if (min.trim() === '' && max.trim() === '') return invalid('min and max at least one should be set in range\'')
      return { kind: 'range', ...(min.trim() === '' ? {} : { min: wordOf(min) }), ...(max.trim() === '' ? {} : { max: wordOf(max) }) }
    }
    case '{': return value.endsWith('}') ? { kind: 'or', values: list } : invalid('or list must start with "{" and end with "}"')
    case '(': return value.endsWith(')') ? { kind: 'and', values: list } : invalid('and list must start with "(" and end with ")"')
    default: return { kind: 'exact', value: value.startsWith('\\') ? value.slice(1) : value }
  }
}

/** A time without a zone (as milliseconds), a number, or a word. */
function wordOf(text: string): Word {
  const word = text.trim()
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(word)) return Date.parse(`${word}Z`)
  if (/^-?\d+$/.test(word)) return Number(word)
  return word.replace(/^["']+|["']+$/g, '')
}

export type Field = string | number | boolean | undefined

export function matchesPattern(pattern: Pattern, field: Field): boolean {
  const text = field === undefined ? '' : String(field)
  switch (pattern.kind) {
    case 'exact': return text === pattern.value
    case 'fuzzy': return text.includes(pattern.value)
    case 'range': return (pattern.min === undefined || compare(field, pattern.min) >= 0) && (pattern.max === undefined || compare(field, pattern.max) <= 0)
    case 'or': return pattern.values.includes(text)
    case 'and': return pattern.values.every((value) => value === text)
  }
}

function compare(field: Field, bound: Word): number {
  if (field === undefined) return -1
  const [a, b] = typeof bound === 'number' ? [Number(field), bound] : [String(field), bound]
  return a < b ? -1 : a > b ? 1 : 0
}

export interface Columns<T> {
  /** What `q` and `sort` may name. Unknown words are ignored, as Harbor's ORM does. Times are milliseconds. */
  readonly fields: Readonly<Record<string, (entry: T) => Field>>
  /** Words of `q` that are more than a column. */
  readonly filters?: Readonly<Record<string, (entry: T, pattern: Pattern) => boolean>>
  /** `name`, or `-name` for the largest first. */
  readonly sort: string
}

export interface Page { readonly page: number; readonly size: number }

/** @throws HarborRefusal 422 */
export function pageOf({ url }: Pick<Call, 'url'>): Page {
  const page = numberOf(url, 'page', 1)
  const size = numberOf(url, 'page_size', 10)
  if (size > 100) throw unprocessable('page_size in query should be less than or equal to 100')
  return { page, size }
}

function numberOf(url: URL, name: string, fallback: number): number {
  const text = url.searchParams.get(name)
  if (text === null) return fallback
  if (!/^-?\d+$/.test(text)) throw unprocessable(`${name} in query must be of type int64: "${text}"`)
  return Number(text)
}

/** One page of `all`, filtered and sorted as the request wants it, with `X-Total-Count` and `Link`. @throws HarborRefusal */
export function answerPage<T>(call: Call, all: readonly T[], columns: Columns<T>, toJson: (entry: T) => unknown): Answer {
  const { page, size } = pageOf(call)
  const chosen = select(call.url, all, columns)
  const from = (page - 1) * size
  // page_size=0: all of them.
  const entries = size === 0 ? chosen : chosen.slice(Math.max(0, from), Math.max(0, from) + size)
  return { status: 200, body: entries.map(toJson), headers: { 'x-total-count': String(chosen.length), ...linkOf(call, { page, size }, chosen.length) } }
}

/** @throws HarborRefusal */
export function select<T>(url: URL, all: readonly T[], { fields, filters = {}, sort }: Columns<T>): readonly T[] {
  const query = [...parseQuery(url.searchParams.get('q') ?? '')]
  const chosen = all.filter((entry) => query.every(([key, pattern]) => {
    const filter = filters[key]
    if (filter) return filter(entry, pattern)
    const field = fields[key]
    return !field || matchesPattern(pattern, field(entry))
  }))
  const wanted = url.searchParams.get('sort') ?? ''
  const keys = (wanted === '' ? sort : wanted).split(',').filter((key) => fields[key.replace(/^-/, '')])
  return chosen.toSorted((a, b) => {
    for (const key of keys) {
      const field = fields[key.replace(/^-/, '')]
      const order = field ? compare(field(a), field(b) as Word) : 0
      if (order !== 0) return key.startsWith('-') ? -order : order
    }
    return 0
  })
}

/** RFC 8288, as Harbor writes it: the path without its host, the query not escaped. */
export function linkOf({ url }: Pick<Call, 'url'>, { page, size }: Page, total: number): Readonly<Record<string, string>> {
  if (size === 0) return {}
  const to = (target: number, rel: string): string => {
    const query = new URLSearchParams(url.searchParams)
    query.set('page', String(target))
    query.set('page_size', String(size))
    query.sort()
    return `<${url.pathname}?${decodeURIComponent(query.toString().replaceAll('+', ' '))}>; rel="${rel}"`
  }
  const links = [
    ...(page > 1 && (page - 1) * size < total ? [to(page - 1, 'prev')] : []),
    ...(page * size < total ? [to(page + 1, 'next')] : []),
  ]
  return links.length === 0 ? {} : { link: links.join(' , ') }
}
