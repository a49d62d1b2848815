const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const
/** Timers of the runtime take no more than some hours beyond this. */
const longestMs = 24 * 86_400_000

/** `500ms`, `30s`, `5m`, `1h30m`, `2d`; milliseconds. @throws SyntaxError */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d{1,9})(ms|[smhdw])/g)]
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit as keyof typeof unitMs], 0)
  if (parts.map(([part]) => part).join('') !== text || parts.length === 0) throw new SyntaxError(`"${text}" is no length of time; write one such as 30s, 5m, 1h30m or 2d`)
  if (ms <= 0 || ms > longestMs) throw new SyntaxError(`"${text}" is not between 1ms and 24d`)
  return ms
}

/** As `parseDuration` reads it; the shortest form. */
export function formatDurationMs(ms: number): string {
  const units = [['d', unitMs.d], ['h', unitMs.h], ['m', unitMs.m], ['s', unitMs.s], ['ms', 1]] as const
  let left = ms
  let text = ''
  for (const [unit, one] of units) {
    if (left >= one) text += `${Math.floor(left / one)}${unit}`
    left %= one
  }
  return text
}
