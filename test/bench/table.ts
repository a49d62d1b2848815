import type { Requests } from './access-log.ts'
import type { Measured } from './measure.ts'
import { formatRows } from './rows.ts'

/** What all runs of one peer on one corpus at one distance came to. */
export interface Result {
  readonly corpus: string
  readonly delayMs: number
  readonly peer: string
  readonly setting: readonly number[]
  readonly images: number
  readonly runs: readonly Measured[]
  readonly wrong: number
  readonly requests?: { readonly source: Requests; readonly destination: Requests }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const columns = ['corpus', 'delay', 'peer', 'setting', 'wall s', '/floor', '/crane', 'cpu s', '/crane', 'rss MiB', 'src req/img', 'dst req/img', '/floor', 'spread', 'right']

export function formatTable(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const near = (peer: string): Result | undefined => results.find((r) => r.peer === peer && r.corpus === result.corpus && r.delayMs === result.delayMs)
    const floor = near('floor')
    const crane = near('crane')
    const wall = (r: Result): number => median(r.runs.map((run) => run.wallSeconds))
    const cpu = (r: Result): number => median(r.runs.map((run) => run.cpuSeconds))
    const ratio = (of: (r: Result) => number | undefined, to: Result | undefined): string => {
      const [a, b] = [of(result), to === undefined ? undefined : of(to)]
      return a === undefined || b === undefined ? '' : (a / b).toFixed(2)
    }
    const perImage = (side: 'source' | 'destination') => result.requests === undefined ? '' : (result.requests[side].total / result.images).toFixed(2)
    const walls = result.runs.map((run) => run.wallSeconds)
    return [
      result.corpus, String(result.delayMs), result.peer, result.setting.join('x'), wall(result).toFixed(2), ratio(wall, floor), ratio(wall, crane),
      cpu(result).toFixed(2), ratio(cpu, crane), Math.max(...result.runs.map((run) => run.peakRssMib)).toFixed(0), perImage('source'), perImage('destination'),
      ratio((r) => r.requests?.destination.total, floor), `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      result.wrong === 0 && result.runs.every((run) => run.exitCode === 0) ? 'yes' : `${result.wrong} wrong, exit ${result.runs.map((run) => run.exitCode).join(',')}`,
    ]
  })
  return formatRows(columns, rows, new Set([0, 2]))
}
