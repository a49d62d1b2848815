// One writer at a time, over all processes: a file that only one can make. The owner touches it while it holds it; one that is dead,
// or has not been heard of for long, has lost it.
import { randomBytes } from 'node:crypto'
import { link, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileFailure, isAbsent, isCode } from '../problem.ts'
import type { Tree } from '../tree.ts'

const lockName = '.longshore-lock'
/** How often an owner shows that it lives, and after how long without that it has lost the lock. */
const touchMs = 5000
const staleMs = 30_000

interface Owner { readonly host: string; readonly space: string; readonly pid: number; readonly token: string }

/** @throws the signal's reason when it aborts before the lock is free; LayoutError */
export async function acquireLock(tree: Tree, signal: AbortSignal): Promise<AsyncDisposable> {
  const path = tree.path(lockName)
  const owner: Owner = { host: hostname(), space: await processSpace(), pid: process.pid, token: randomBytes(12).toString('hex') }
  const own = await tree.temporary()
  try {
    await writeFile(own, JSON.stringify(owner))
    // A link appears with its content: nobody ever reads half an owner.
    while (!await makeLink(own, path)) {
      signal.throwIfAborted()
      if (!await breakStale(path, owner)) await delay(5 + Math.random() * 20, undefined, { signal }).catch(() => { signal.throwIfAborted() })
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw fileFailure(tree.place, 'locking the index', error)
  } finally {
    await rm(own, { force: true })
  }
  const timer = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, touchMs)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      if ((await readOwner(path))?.token === owner.token) await rm(path, { force: true })
    },
  }
}

async function makeLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

/** Takes away the lock of one who has lost it. Only one may judge at a time: else the second takes away what the first has made since. */
async function breakStale(path: string, judge: Owner): Promise<boolean> {
  const owner = await readOwner(path)
  if (!await isStale(path, owner, judge)) return false
  const bench = `${path}.judge`
  try {
    await writeFile(bench, judge.token, { flag: 'wx' })
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
    // A judge needs no time at all; one that was killed is in nobody's way.
    const sat = await stat(bench).catch(() => undefined)
    if (sat && Date.now() - sat.mtimeMs > staleMs) await rm(bench, { force: true })
    return false
  }
  try {
    const now = await readOwner(path)
    if (now?.token !== owner?.token || !await isStale(path, now, judge)) return false
    await rm(path, { force: true })
    return true
  } finally {
    await rm(bench, { force: true })
  }
}

async function isStale(path: string, owner: Owner | undefined, judge: Owner): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return false
  if (Date.now() - found.mtimeMs > staleMs) return true
  return owner !== undefined && owner.host === judge.host && owner.space === judge.space && !isAlive(owner.pid)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner
  } catch (error) {
    if (isAbsent(error) || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Where process numbers mean the same: containers of one host have their own. */
async function processSpace(): Promise<string> { return await readlink('/proc/self/ns/pid').catch(() => '') }
