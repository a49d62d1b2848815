// Numbers as people read them. Everything is pure, so that the tests are tables.

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Three digits at the most: `0 B`, `999 B`, `1.5 kB`, `34.1 MB`, `134 MB`. Powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes)
  let unit = 0
  // 999.95 would print as 1000.0.
  while (unit < byteUnits.length - 1 && value >= (unit === 0 ? 1000 : 999.5)) {
    value /= 1000
    unit++
  }
  const text = unit === 0 ? String(Math.round(value)) : value < 99.95 ? value.toFixed(1) : value.toFixed(0)
  return `${text} ${byteUnits[unit] ?? 'B'}`
}

/** `12 ms`, `2.1 s`, `1 min 05 s`, `2 h 03 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`
  const totalMinutes = Math.round(seconds / 60)
  const hours = Math.floor(totalMinutes / 60)
  return hours < 48 ? `${hours} h ${pad(totalMinutes % 60)} min` : `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`
}

/** `1 image`, `2 images`, `12,345 images`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${formatNumber(n)} ${n === 1 ? one : many}`
}

export function formatNumber(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(?:\d{3})+$)/g, ',')
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A bar of exactly `width` cells. `fraction` outside 0..1 is cut. */
export function formatBar(fraction: number, width: number): string {
  const cells = Math.round(Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0)) * width * 8)
  const full = Math.floor(cells / 8)
  const part = eighths[cells % 8] ?? ''
  return '█'.repeat(full) + part + '░'.repeat(width - full - (part === '' ? 0 : 1))
}

function pad(n: number): string { return String(n).padStart(2, '0') }
