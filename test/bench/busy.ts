import { readFileSync } from 'node:fs'

/** The share of the machine's processors, 0 to 1, that is in use by anything during `ms`. */
export async function busyShare(ms: number): Promise<number> {
  const read = (): { idle: number; all: number } => {
    const ticks = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').split(/ +/).slice(1, 9).map(Number)
    return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, n) => sum + n, 0) }
  }
  const before = read()
  await new Promise((resolve) => setTimeout(resolve, ms))
  const after = read()
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
}

/** Waits for the machine to be quiet, `forMs` at most. @returns how busy it was at last */
export async function waitForQuiet(forMs: number): Promise<number> {
  for (const started = performance.now(); ;) {
    const share = await busyShare(500)
    if (share < 0.1 || performance.now() - started > forMs) return share
  }
}
