// JSON as Go writes it, which containers/image, Docker and podman are written in: the digest of a configuration that was converted here is
// then the one that they give it. https://pkg.go.dev/encoding/json#Marshal

/** What Go's `json.Marshal` makes of a value: no spaces, and `<`, `>`, `&`, U+2028 and U+2029 spelled out. */
export function goJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/[<>&\u2028\u2029]/g, escaped)
    // A pair of backslashes is passed over as a whole, so that the second of them never begins an escape. Go up to 1.21 has no \b and \f.
    .replace(/\\(?:[^u]|u[0-9a-f]{4})/g, (escape) => (escape === '\\b' ? '\\u0008' : escape === '\\f' ? '\\u000c' : /^\\ud[89a-f]/.test(escape) ? '\ufffd' : escape))
}

/** A map as Go writes it: keys in the order of their bytes. */
export function sorted<T>(map: Readonly<Record<string, T>> | ReadonlyMap<string, T>): [string, T][] {
  return (map instanceof Map ? [...map as ReadonlyMap<string, T>] : Object.entries(map as Readonly<Record<string, T>>)).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The JSON of an object whose keys stand in this order; JavaScript itself would put keys that look like numbers first. */
export function goObject(entries: readonly (readonly [string, unknown])[]): string {
  return `{${entries.map(([key, value]) => `${goJson(key)}:${value instanceof RawJson ? value.text : goJson(value)}`).join(',')}}`
}

/** JSON that is written already. */
export class RawJson {
  readonly text: string
  constructor(text: string) { this.text = text }
}

/**
 * The members of a JSON object, each as the text that it is, without the spaces between: what Go's `json.RawMessage` keeps. Numbers keep all their
 * digits, and objects the order of their keys. Of a name that stands twice the last is taken.
 * @param text known to be a JSON object
 */
export function rawMembers(text: string): Map<string, RawJson> {
  const members = new Map<string, RawJson>()
  let depth = 0
  let name: string | undefined
  let value = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g)) {
    if (token === '}' || token === ']') depth--
    const isBetween = depth === 0 || (depth === 1 && token === ',')
    if (isBetween && name !== undefined) {
      members.set(name, new RawJson(value.slice(1).replace(/[<>&\u2028\u2029]/g, escaped)))
      name = undefined
      value = ''
    } else if (depth > 0 && !isBetween) {
      if (name === undefined) name = JSON.parse(token) as string
      else value += token
    }
    if (token === '{' || token === '[') depth++
  }
  return members
}

function escaped(c: string): string { return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` }

/** RFC 3339 as Go writes a time that it has read: no zeros at the end of the fraction, `Z` for no offset. `undefined` when it is none. */
export function goTime(text: unknown): string | undefined {
  const [, day, fraction = '', zone] = typeof text === 'string' ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [] : []
  if (day === undefined || zone === undefined || Number.isNaN(Date.parse(`${day}Z`))) return undefined
  const digits = fraction.slice(0, 9).replace(/0+$/, '')
  return `${day}${digits === '' ? '' : `.${digits}`}${/^[+-]00:00$/.test(zone) ? 'Z' : zone}`
}
