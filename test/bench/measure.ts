import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from './peers.ts'

export interface Measured {
  readonly wallSeconds: number
  /** User and system time of the command and all its descendants. */
  readonly cpuSeconds: number
  /** The largest sum over the tree at one moment; shared pages count in each process. */
  readonly peakRssMib: number
  readonly exitCode: number
  /** How much of the machine was in use by others just before, 0 to 1. */
  readonly busyBefore?: number
}

const pageBytes = 4096
const sampleMs = 50

/** Runs a command under GNU time, its output in `scratch`. */
export async function measure(command: Command, scratch: string): Promise<Measured> {
  const times = join(scratch, 'times')
  const out = openSync(join(scratch, 'client.out'), 'w')
  const started = performance.now()
  const child = spawn('/usr/bin/time', ['--quiet', '-f', '%U %S', '-o', times, ...command.argv], {
    stdio: ['ignore', out, out], env: { ...process.env, ...command.env }, cwd: scratch,
  })
  closeSync(out)
  let peak = 0
  const sampler = setInterval(() => { peak = Math.max(peak, residentBytes(child.pid ?? 0, 0)) }, sampleMs)
  const [exitCode] = (await once(child, 'exit')) as [number | null]
  const wallSeconds = (performance.now() - started) / 1000
  clearInterval(sampler)
  const [user = 0, system = 0] = (readFileSync(times, 'utf8').trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  return { wallSeconds, cpuSeconds: user + system, peakRssMib: peak / 2 ** 20, exitCode: exitCode ?? -1 }
}

/** The tree below `pid`, without the wrapper at its root. */
function residentBytes(pid: number, depth: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter((text) => text !== '')
    const own = depth === 0 ? 0 : Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * pageBytes
    return children.reduce((sum, child) => sum + residentBytes(Number(child), depth + 1), own)
  } catch {
    // It has ended since its parent was read.
    return 0
  }
}
