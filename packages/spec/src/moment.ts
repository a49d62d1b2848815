import type { Moment } from './migration.ts'

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/** `90d`, `12h`, `30m`, `2w`, or a date. @throws SyntaxError */
export function parseMoment(text: string): Moment {
  const [, amount, unit = ''] = /^(\d{1,9})([mhdw])$/.exec(text) ?? []
  const ms = unitMs[unit]
  if (amount !== undefined && ms !== undefined) return { kind: 'ago', ms: Number(amount) * ms }
  const at = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse turns 2024-02-30 into the first of March.
  if (Number.isNaN(at) || (text.length === 10 && !new Date(at).toISOString().startsWith(text))) {
    throw new SyntaxError(`"${text}" is neither an age such as 90d, 12h or 2w, nor a date such as 2024-01-31`)
  }
  return { kind: 'at', at: new Date(at).toISOString() }
}
