// The values of skopeo's flags, as Go's strconv and time parse them, with the words that they refuse with.
import { InvalidArgumentError } from 'commander'
import { goQuote } from './go-words.ts'

/** strconv.ParseBool */
export function parseGoBool(text: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false
  throw new InvalidArgumentError(`strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`)
}

/** strconv.ParseInt with base 0. */
export function parseGoInt(text: string): number {
  const refuse = (why: string): InvalidArgumentError => new InvalidArgumentError(`strconv.ParseInt: parsing ${goQuote(text)}: ${why}`)
  const [, sign = '', digits = ''] = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9]\d*)$/.exec(text) ?? []
  if (digits === '') throw refuse('invalid syntax')
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (!Number.isSafeInteger(value)) throw refuse('value out of range')
  return sign === '-' ? -value : value
}

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** time.ParseDuration: `1h30m`, `1.5s`, `300ms`. @returns milliseconds */
export function parseGoDuration(text: string): number {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  if (/^(?:\d+(?:\.\d*)?|\.\d+)+$/.test(rest)) throw new InvalidArgumentError(`time: missing unit in duration ${goQuote(text)}`)
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)[^\d.]+)+$/.test(rest)) throw new InvalidArgumentError(`time: invalid duration ${goQuote(text)}`)
  let ms = 0
  for (const [, number = '', unit = ''] of rest.matchAll(/(\d+(?:\.\d*)?|\.\d+)([^\d.]+)/g)) {
    const one = unitMs[unit]
    if (one === undefined) throw new InvalidArgumentError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`)
    ms += Number(number) * one
  }
  return sign === '-' ? -ms : ms
}

/** A pflag string slice: comma-separated (CSV), and may be given again. */
export function parseStrings(text: string, before: readonly string[] | undefined): readonly string[] {
  if (text === '') return before ?? []
  const fields: string[] = []
  for (const [, quoted, plain] of `${text},`.matchAll(/(?:"((?:[^"]|"")*)"|([^",]*)),/g)) fields.push(quoted === undefined ? plain ?? '' : quoted.replaceAll('""', '"'))
  return [...before ?? [], ...fields]
}

/** A pflag int slice. */
export function parseInts(text: string, before: readonly number[] | undefined): readonly number[] {
  return [...before ?? [], ...text.split(',').map((one) => {
    if (!/^[+-]?\d+$/.test(one)) throw new InvalidArgumentError(`strconv.Atoi: parsing ${goQuote(one)}: invalid syntax`)
    return Number(one)
  })]
}
