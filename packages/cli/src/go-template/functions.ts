// The functions of text/template, and those that skopeo adds to them (containers/common, report). HTML, JavaScript and URL escaping and
// `call` are none of a report's business, and not there.
import { marshal } from './json.ts'
import { show, sprintf, typeOf } from './print.ts'
import { GoDigest, GoFloat, GoList, GoMap, GoNil, type GoTime, type GoValue, strings } from './value.ts'

/** Throws an Error with what is wrong; who calls adds where. `nil` stands for no value. */
export type GoFunction = (args: readonly GoValue[]) => GoValue

/** Go's truth: not zero, not empty. A struct is always true. */
export function isTrue(value: GoValue): boolean {
  if (value instanceof GoList) return (value.items?.length ?? 0) > 0
  if (value instanceof GoMap) return (value.entries?.size ?? 0) > 0
  if (value instanceof GoFloat) return value.number !== 0
  if (value instanceof GoDigest) return value.text !== ''
  return !(value instanceof GoNil || value === '' || value === 0 || value === false)
}

type Basic = { readonly kind: 'string' | 'bool' | 'int' | 'float'; readonly value: string | boolean | number }

function basic(value: GoValue): Basic | undefined {
  if (value instanceof GoDigest) return { kind: 'string', value: value.text }
  if (value instanceof GoFloat) return { kind: 'float', value: value.number }
  if (typeof value === 'string') return { kind: 'string', value }
  if (typeof value === 'boolean') return { kind: 'bool', value }
  return typeof value === 'number' ? { kind: 'int', value } : undefined
}

function compare(a: GoValue | undefined, b: GoValue | undefined, ordered: boolean): number {
  const [left, right] = [a === undefined ? undefined : basic(a), b === undefined ? undefined : basic(b)]
  if (!left || !right || (ordered && left.kind === 'bool')) throw new Error('invalid type for comparison')
  if (left.kind !== right.kind) throw new Error('incompatible types for comparison')
  if (typeof left.value === 'string') return Buffer.compare(Buffer.from(left.value), Buffer.from(String(right.value)))
  return left.value === right.value ? 0 : left.value < right.value ? -1 : 1
}

function count(args: readonly GoValue[], least: number, most = least): void {
  if (args.length < least) throw new Error(`wrong number of args: want ${least === most ? '' : 'at least '}${least} got ${args.length}`)
  if (args.length > most) throw new Error(`wrong number of args: want ${most} got ${args.length}`)
}

function text(value: GoValue | undefined): string {
  if (typeof value === 'string') return value
  if (value instanceof GoDigest) return value.text
  throw new Error(`wrong type for value; expected string; got ${value === undefined ? 'nothing' : typeOf(value)}`)
}

function int(value: GoValue | undefined): number {
  if (typeof value === 'number') return value
  throw new Error(`wrong type for value; expected int; got ${value === undefined ? 'nothing' : typeOf(value)}`)
}

function texts(value: GoValue | undefined): readonly string[] {
  if (!(value instanceof GoList)) throw new Error(`wrong type for value; expected []string; got ${value === undefined ? 'nothing' : typeOf(value)}`)
  return (value.items ?? []).map(text)
}

function length(value: GoValue | undefined): number {
  if (value instanceof GoList) return value.items?.length ?? 0
  if (value instanceof GoMap) return value.entries?.size ?? 0
  if (typeof value === 'string' || value instanceof GoDigest) return Buffer.byteLength(text(value))
  throw new Error(value === undefined || value instanceof GoNil ? 'len of nil pointer' : `len of type ${typeOf(value)}`)
}

function index(value: GoValue | undefined, key: GoValue): GoValue {
  if (value instanceof GoMap) return value.entries?.get(text(key)) ?? (value.type === 'map[string]string' ? '' : new GoNil('struct {}'))
  if (value instanceof GoList) {
    const found = value.items?.[int(key)]
    if (found === undefined) throw new Error(`index out of range: ${int(key)}`)
    return found
  }
  throw new Error(value === undefined || value instanceof GoNil ? 'index of untyped nil' : `can't index item of type ${typeOf(value)}`)
}

function order(holds: (sign: number) => boolean): GoFunction {
  return (args) => {
    count(args, 2)
    return holds(compare(args[0], args[1], true))
  }
}

export const functions: Readonly<Record<string, GoFunction>> = {
  and(args) { count(args, 1, Infinity); return args.find((one) => !isTrue(one)) ?? args.at(-1) ?? false },
  or(args) { count(args, 1, Infinity); return args.find(isTrue) ?? args.at(-1) ?? false },
  not([one, ...rest]) { count(one === undefined ? [] : [one, ...rest], 1); return one !== undefined && !isTrue(one) },
  eq(args) { count(args, 2, Infinity); return args.slice(1).some((one) => compare(args[0], one, false) === 0) },
  ne(args) { count(args, 2); return compare(args[0], args[1], false) !== 0 },
  lt: order((sign) => sign < 0), le: order((sign) => sign <= 0), gt: order((sign) => sign > 0), ge: order((sign) => sign >= 0),
  len(args) { count(args, 1); return length(args[0]) },
  index(args) { count(args, 1, Infinity); return args.slice(1).reduce<GoValue>((value, key) => index(value, key), args[0] ?? '') },
  slice(args) {
    count(args, 1, 3)
    const [value, from = 0, to] = args
    const end = to === undefined ? length(value) : int(to)
    const start = int(from)
    if (start < 0 || end > length(value) || start > end) throw new Error(`index out of range: ${start < 0 || start > end ? start : end}`)
    if (value instanceof GoList) return new GoList(value.type, (value.items ?? []).slice(start, end))
    return Buffer.from(text(value)).subarray(start, end).toString('utf8')
  },
  print(args) {
    // fmt.Sprint: a space between two that are both no text.
    return args.map((one, i) => (i > 0 && typeof one !== 'string' && typeof args[i - 1] !== 'string' ? ' ' : '') + show(one)).join('')
  },
  printf([format, ...args]) { return sprintf(text(format), args) },
  println(args) { return `${args.map((one) => show(one)).join(' ')}\n` },
  // Without HTML's escapes, as the report has it.
  json(args) { count(args, 1); return marshal(args[0] ?? '', '').replace(/\\u00(3c|3e|26)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))) },
  join(args) { count(args, 2); return texts(args[0]).join(text(args[1])) },
  split(args) { count(args, 2); return strings(text(args[0]).split(text(args[1]))) },
  lower(args) { count(args, 1); return text(args[0]).toLowerCase() },
  upper(args) { count(args, 1); return text(args[0]).toUpperCase() },
  title(args) { count(args, 1); return text(args[0]).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase()) },
  truncate(args) { count(args, 2); return Buffer.from(text(args[0])).subarray(0, Math.max(0, int(args[1]))).toString('utf8') },
  pad(args) { count(args, 3); return text(args[0]) === '' ? '' : ' '.repeat(int(args[1])) + text(args[0]) + ' '.repeat(int(args[2])) },
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** Methods that templates call on a digest and a time. */
export function method(value: GoDigest | GoTime, name: string): GoFunction | undefined {
  const plainly = (give: () => GoValue): GoFunction => (args) => { count(args, 0); return give() }
  if (value instanceof GoDigest) {
    const colon = value.text.indexOf(':')
    switch (name) {
      case 'String': return plainly(() => value.text)
      case 'Algorithm': return plainly(() => value.text.slice(0, colon))
      case 'Hex': case 'Encoded': return plainly(() => value.text.slice(colon + 1))
      default: return undefined
    }
  }
  switch (name) {
    case 'String': return plainly(() => String(value))
    case 'Year': return plainly(() => value.year)
    case 'Month': return plainly(() => months[value.month - 1] ?? '')
    case 'Day': return plainly(() => value.day)
    case 'Hour': return plainly(() => value.hour)
    case 'Minute': return plainly(() => value.minute)
    case 'Second': return plainly(() => value.second)
    case 'Nanosecond': return plainly(() => value.nanos)
    case 'Unix': return plainly(() => value.unix())
    case 'IsZero': return plainly(() => value.rfc3339() === '0001-01-01T00:00:00Z')
    case 'Format': return (args) => { count(args, 1); return formatTime(value, text(args[0])) }
    default: return undefined
  }
}

/** time.Format, for the elements of numbers and names of months. */
function formatTime(time: GoTime, layout: string): string {
  const pad = (n: number, width = 2, fill = '0'): string => String(n).padStart(width, fill)
  const offset = time.offsetMinutes ?? 0
  const zone = (colon: string): string => `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}${colon}${pad(Math.abs(offset) % 60)}`
  if (/Mon|PM|pm|__2|002|MST/.test(layout)) throw new Error(`the layout ${JSON.stringify(layout)} is not supported: days of the week, halves of days and names of zones are not`)
  return layout.replace(/2006|January|Jan|01|02|15|03|04|05|Z07:00|-07:00|-0700|([.,])(0+|9+)|_2|06/g, (element, point?: string, digits = '') => {
    switch (element) {
      case '2006': return pad(time.year, 4)
      case '06': return pad(time.year % 100)
      case 'January': return months[time.month - 1] ?? ''
      case 'Jan': return (months[time.month - 1] ?? '').slice(0, 3)
      case '01': return pad(time.month)
      case '02': return pad(time.day)
      case '_2': return pad(time.day, 2, ' ')
      case '15': return pad(time.hour)
      case '03': return pad(time.hour % 12 === 0 ? 12 : time.hour % 12)
      case '04': return pad(time.minute)
      case '05': return pad(time.second)
      case 'Z07:00': return offset === 0 ? 'Z' : zone(':')
      case '-07:00': return zone(':')
      case '-0700': return zone('')
      default: {
        const nanos = String(time.nanos).padStart(9, '0').slice(0, digits.length).padEnd(digits.length, '0')
        return digits.startsWith('0') ? `${point}${nanos}` : nanos.replace(/0+$/, '') === '' ? '' : `${point}${nanos.replace(/0+$/, '')}`
      }
    }
  })
}
