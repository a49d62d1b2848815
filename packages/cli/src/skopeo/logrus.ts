// Lines on stderr as logrus writes them: for a person on a terminal, as key=value elsewhere.
import { printable } from '@longshore/oci'
import { goQuote } from './go-words.ts'

export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug'
export type Fields = Readonly<Record<string, string>>

const short: Readonly<Record<Level, string>> = { fatal: 'FATA', error: 'ERRO', warning: 'WARN', info: 'INFO', debug: 'DEBU' }

export interface Stderr { readonly isTTY?: boolean; write(text: string): unknown }

/** One line. @param sinceMs of the process, which a terminal is shown in seconds */
export function logLine(level: Level, message: string, fields: Fields, isTty: boolean, now: Date, sinceMs: number): string {
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${quoted(value)}`).join('')
  if (isTty) return `${short[level]}[${String(Math.floor(sinceMs / 1000)).padStart(4, '0')}] ${message.split('\n').map(printable).join('\n')}${pairs}\n`
  return `time="${localTime(now)}" level=${level} msg=${quoted(message)}${pairs}\n`
}

export function log(level: Level, message: string, fields: Fields = {}, stderr: Stderr = process.stderr): void {
  stderr.write(logLine(level, message, fields, stderr.isTTY === true, new Date(), performance.now()))
}

function quoted(text: string): string { return /^[\w./@^+-]+$/.test(text) ? text : goQuote(text) }

/** RFC 3339 in the local zone, to the second. */
function localTime(now: Date): string {
  const minutes = -now.getTimezoneOffset()
  const local = new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 19)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${local}${minutes === 0 ? 'Z' : `${minutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`}`
}
