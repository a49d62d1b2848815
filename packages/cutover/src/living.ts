import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from './versioned-file.ts'

/** A process, so that another one with the same number is not taken for it. */
export interface ProcessMark { readonly host: string; /** Among which processes its number means anything, where the system tells: containers have their own. */ readonly space?: string; readonly pid: number; /** Where the system tells: since which start of the machine, and since when, it runs. */ readonly born?: string }

export async function ownMark(): Promise<ProcessMark> {
  const [born, space] = await Promise.all([bornAt(process.pid), ownSpace()])
  return { host: hostname(), ...(space === undefined ? {} : { space }), pid: process.pid, ...(born === undefined ? {} : { born }) }
}

export async function isFromHere({ host, space }: ProcessMark): Promise<boolean> { return host === hostname() && (space === undefined || space === await ownSpace()) }

async function ownSpace(): Promise<string | undefined> { return await readlink('/proc/self/ns/pid').catch(() => undefined) }

/** Whether the process of this machine that left this mark still runs. */
export async function lives({ pid, born }: ProcessMark): Promise<boolean> {
  try { process.kill(pid, 0) } catch (error) { if (codeOf(error) === 'ESRCH') return false }
  const now = await bornAt(pid)
  return now !== 'ended' && (born === undefined || now === born)
}

/** On Linux: which boot, and the process' start in ticks since then. A zombie has ended. */
async function bornAt(pid: number): Promise<string | undefined> {
  try {
    const [boot, stat] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')])
    // The name, in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : `${boot.trim()} ${fields[19] ?? ''}`
  } catch {
    return undefined
  }
}
