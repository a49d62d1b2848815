const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

/** `50GiB`, `500 MB`, `1.5TiB`; bytes. @throws SyntaxError */
export function parseByteSize(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]+)$/.exec(text) ?? []
  const one = Object.entries(units).find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1]
  const bytes = Math.round(Number(amount) * (one ?? Number.NaN))
  if (amount === '' || !Number.isSafeInteger(bytes) || bytes < 1) throw new SyntaxError(`"${text}" is no size; write one such as 50GiB or 500MB`)
  return bytes
}

/** In the largest unit that says it exactly. */
export function formatByteSize(bytes: number): string {
  const [name, one] = Object.entries(units).toSorted(([, a], [, b]) => b - a).find(([, size]) => bytes % size === 0) ?? ['B', 1]
  return `${bytes / one}${name}`
}
