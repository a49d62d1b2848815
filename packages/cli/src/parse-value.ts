// The values of flags. Each parser throws commander's error, which names the flag.
import { InvalidReferenceError, parsePlatform, type Platform } from '@longshore/oci'
import type { Sample } from '@longshore/transfer'
import { InvalidArgumentError } from 'commander'
import { randomBytes } from 'node:crypto'

const truths = new Set(['1', 't', 'true', 'yes'])
const lies = new Set(['0', 'f', 'false', 'no'])

/** As Go's flags take it, which skopeo's are. */
export function parseBoolean(text: string): boolean {
  const value = text.toLowerCase()
  if (truths.has(value)) return true
  if (lies.has(value)) return false
  throw new InvalidArgumentError('Give true or false.')
}

export function parseCount(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= 10_000) return value
  throw new InvalidArgumentError('Give a whole number from 1 to 10000.')
}

/** `5%`, more than 0 and at most 100. */
export function parsePercent(text: string): number {
  const value = Number(text.replace(/%$/, ''))
  if (/^\d+(?:\.\d+)?%?$/.test(text) && value <= 100) return value
  throw new InvalidArgumentError('Give a share from 0% to 100%, such as 5% or 0.5%.')
}

/** `5%`, with `:SALT` behind it to choose the same blobs as a former run. */
export function parseSample(text: string): Sample {
  const [, share = '', salt = randomBytes(4).toString('hex')] = /^([\d.]+%?)(?::([0-9A-Za-z]{1,32}))?$/.exec(text) ?? []
  const percent = share === '' ? Number.NaN : Number(share.replace(/%$/, ''))
  if (percent > 0 && percent <= 100) return { percent, salt: percent === 100 ? '' : salt }
  throw new InvalidArgumentError('Give the share of the blobs that is read, more than 0% and at most 100%: 5%; or 5%:SALT, as a former run printed it, to read the same ones.')
}

const units: Readonly<Record<string, number>> = {
  '': 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3,
}

/** Bytes per second: `50MB/s`, `50M`, `6.5 MiB/s`; kB, MB and GB are powers of 1000, KiB, MiB and GiB of 1024. */
export function parseBandwidth(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*?)(?:\/s)?$/i.exec(text.trim()) ?? []
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? Number.NaN)
  if (number === '' || Number.isNaN(bytes) || bytes < 1024) {
    throw new InvalidArgumentError('Give bytes per second with a unit, 1 KiB/s at the least: 50MB/s, 6.5MiB/s, 1GB/s.')
  }
  return bytes
}

/** One flag may hold several, and may be given again. */
export function parsePlatforms(text: string, before: readonly Platform[] | undefined): readonly Platform[] {
  try {
    return [...before ?? [], ...text.split(',').map((one) => parsePlatform(one.trim()))]
  } catch (error) {
    if (error instanceof InvalidReferenceError) throw new InvalidArgumentError(`${error.message}.`)
    throw error
  }
}

export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...before ?? [], text]
}
