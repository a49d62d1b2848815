// Values as Go has them, as far as encoding/json and text/template tell them apart: a nil list is no empty one, a time is no text.

/** A struct's field; `json` is its tag's name, '' where encoding/json puts the fields of an embedded struct in its place. */
export interface GoField { readonly name: string; readonly json: string; readonly omitEmpty?: boolean; readonly value: GoValue }

export class GoStruct {
  readonly type: string
  readonly fields: readonly GoField[]
  constructor(type: string, fields: readonly GoField[]) {
    this.type = type
    this.fields = fields
  }
}

/** A slice; `items` is undefined for a nil one. */
export class GoList {
  readonly type: string
  readonly items: readonly GoValue[] | undefined
  constructor(type: string, items: readonly GoValue[] | undefined) {
    this.type = type
    this.items = items
  }
}

/** A map with text keys, sorted; undefined for a nil one. */
export class GoMap {
  readonly type: string
  readonly entries: ReadonlyMap<string, GoValue> | undefined
  constructor(type: string, entries: Readonly<Record<string, GoValue>> | undefined) {
    this.type = type
    this.entries = entries && new Map(Object.entries(entries).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  }
}

export class GoFloat {
  readonly number: number
  constructor(number: number) { this.number = number }
}

/** A text type with methods: digest.Digest. */
export class GoDigest {
  readonly text: string
  constructor(text: string) { this.text = text }
}

/** *time.Time, to the nanosecond, in the zone that it was written in. */
export class GoTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly nanos: number
  /** Of the zone, east of UTC; undefined for UTC itself. */
  readonly offsetMinutes: number | undefined

  /** @param match of `GoTime.pattern` */
  private constructor(match: RegExpExecArray) {
    const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
    this.year = Number(year)
    this.month = Number(month)
    this.day = Number(day)
    this.hour = Number(hour)
    this.minute = Number(minute)
    this.second = Number(second)
    this.nanos = Number(fraction.slice(0, 9).padEnd(9, '0'))
    this.offsetMinutes = zone === 'Z' ? undefined : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)))
  }

  /** RFC 3339. @returns undefined when it is none */
  static parse(text: string): GoTime | undefined {
    const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text)
    if (!match) return undefined
    const time = new GoTime(match)
    const days = new Date(Date.UTC(time.year, time.month, 0)).getUTCDate()
    const ok = time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= days && time.hour < 24 && time.minute < 60 && time.second < 60
    return ok ? time : undefined
  }

  get #date(): string { return `${pad(this.year, 4)}-${pad(this.month)}-${pad(this.day)}` }
  get #clock(): string { return `${pad(this.hour)}:${pad(this.minute)}:${pad(this.second)}${this.nanos === 0 ? '' : `.${String(this.nanos).padStart(9, '0').replace(/0+$/, '')}`}` }
  #zone(colon: string): string {
    const offset = this.offsetMinutes ?? 0
    return `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}${colon}${pad(Math.abs(offset) % 60)}`
  }

  /** As encoding/json writes it. */
  rfc3339(): string { return `${this.#date}T${this.#clock}${(this.offsetMinutes ?? 0) === 0 ? 'Z' : this.#zone(':')}` }
  /** As `%v` prints it. */
  toString(): string { return `${this.#date} ${this.#clock} ${this.#zone('')} ${(this.offsetMinutes ?? 0) === 0 ? 'UTC' : this.#zone('')}` }
  /** Seconds since 1970. */
  unix(): number { return Date.UTC(this.year, this.month - 1, this.day, this.hour, this.minute, this.second) / 1000 - (this.offsetMinutes ?? 0) * 60 }
}

function pad(n: number, width = 2): string { return String(n).padStart(width, '0') }

/** A nil pointer of this type. */
export class GoNil {
  readonly type: string
  constructor(type: string) { this.type = type }
}

/** Numbers are ints. */
export type GoValue = string | boolean | number | GoFloat | GoStruct | GoList | GoMap | GoDigest | GoTime | GoNil

export function strings(items: readonly string[] | undefined): GoList { return new GoList('[]string', items) }
