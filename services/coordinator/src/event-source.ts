// Events for watchers, as SSE (WHATWG HTML, "Server-sent events"). A watcher that comes back says what it has seen last and misses
// nothing that is still kept. What is sent is pulled out of Redis as fast as the watcher reads, so a slow one costs no memory;
// one that does not read at all is dropped.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { endStates, type PoolStore } from '@longshore/pool'
import { toJsonEvent } from '@longshore/report'
import { type Answers, securityHeaders, toProblem } from '@longshore/telemetry'
import { toMigration, toTransfer } from './resources.ts'

export interface EventSourceOptions {
  readonly store: PoolStore
  readonly id: string
  /** `Last-Event-ID`. */
  readonly after: string | undefined
  readonly answers: Answers
  /** Aborts when the server closes. */
  readonly signal: AbortSignal
  readonly times?: Partial<Readonly<Record<keyof typeof defaultTimes, number>>>
}

/** Milliseconds: between two looks at the state of things, between signs of life, and how long a watcher may not read. */
const defaultTimes = { status: 1_000, heartbeat: 15_000, stalled: 30_000 } as const

/** `1700000000000-0.2`: an entry of the stream, and the number of an event in it; `.end` behind the last of them. */
interface Position { readonly cursor: string; readonly index: number; readonly isEnd: boolean }

export function parsePosition(text: string | undefined): Position | undefined {
  const [, cursor, index] = /^(\d{1,20}-\d{1,20})(?:\.(\d{1,9}|end))?$/.exec(text ?? '') ?? []
  return cursor === undefined ? undefined : { cursor, index: index === undefined || index === 'end' ? Number.MAX_SAFE_INTEGER : Number(index), isEnd: index === 'end' }
}

/** Whether somebody asks who has seen the end: `204` tells a browser not to come back. */
export async function hasSeenAll(store: PoolStore, id: string, after: string | undefined): Promise<boolean> {
  const state = (await store.head(id))?.state
  return parsePosition(after)?.isEnd === true && state !== undefined && endStates.has(state)
}

/** Sends until the migration has ended, the watcher has gone, or the server closes. */
export async function sendEvents(raw: ServerResponse, options: EventSourceOptions): Promise<void> {
  const { store, id, answers, times } = options
  const { status: statusMs, heartbeat: heartbeatMs, stalled: stalledMs } = { ...defaultTimes, ...times }
  const gone = new AbortController()
  raw.once('close', () => gone.abort())
  raw.on('error', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, options.signal])
  raw.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  const send = async (type: string, data: unknown, position?: string): Promise<void> => {
    raw.write(`${position === undefined ? '' : `id: ${position}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
    if (!raw.writableNeedDrain) return
    await once(raw, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(stalledMs)]) })
  }
  const status = async (): Promise<Record<string, unknown> | undefined> => {
    const [found, workers] = await Promise.all([store.status(id), store.workers()])
    return found && { ...toMigration(found), transfers: workers.flatMap(({ transfers }) => transfers).filter(({ migration }) => migration === id).map(toTransfer) }
  }
  let last = ''
  let toldMs = performance.now()
  let readMs = performance.now()
  const tick = async (): Promise<void> => {
    if (!raw.writableNeedDrain) readMs = performance.now()
    else if (performance.now() - readMs > stalledMs) raw.destroy()
    const now = await status()
    if (signal.aborted || raw.writableNeedDrain || !now) return
    const { elapsedMs: _, etaMs: __, ...facts } = now
    const text = JSON.stringify(facts)
    if (text !== last) {
      last = text
      toldMs = performance.now()
      await send('status', now)
    } else if (performance.now() - toldMs >= heartbeatMs) {
      toldMs = performance.now()
      raw.write(': still there\n\n')
    }
  }
  let ticking = tick()
  const timer = setInterval(() => { ticking = ticking.then(tick).catch(() => { /* the loop below is told the same */ }) }, statusMs)
  try {
    await ticking
    // An entry holds several events: where only some of them were seen, it is read again from its beginning.
    const from = parsePosition(options.after)
    let [entry, index] = [from?.cursor ?? '0-0', 0]
    let isFirst = true
    for await (const { cursor, event } of store.events(id, from && before(from.cursor), signal)) {
      index = cursor === entry && !isFirst ? index + 1 : 0
      entry = cursor
      isFirst = false
      if (cursor === from?.cursor && index <= from.index) continue
      await send('run', toJsonEvent(event), `${entry}.${index}`)
    }
    clearInterval(timer)
    await ticking
    const end = await status()
    if (end) await send('end', end, `${entry}.end`)
  } catch (error) {
    if (!signal.aborted && !isTimeout(error)) await send('problem', toProblem(error, answers)?.problem ?? { code: 'UNKNOWN', detail: 'the events cannot be read; the server\'s log may say why' }).catch(() => {})
    if (isTimeout(error)) raw.destroy()
  } finally {
    clearInterval(timer)
    raw.end()
  }
}

/** The cursor that is followed by this one: the stream is read from behind a cursor on. */
function before(cursor: string): string {
  const [ms = '0', sequence = '0'] = cursor.split('-')
  if (BigInt(sequence) > 0n) return `${ms}-${BigInt(sequence) - 1n}`
  return BigInt(ms) > 0n ? `${BigInt(ms) - 1n}-18446744073709551615` : '0-0'
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || (error.name === 'AbortError' && error.cause instanceof Error && error.cause.name === 'TimeoutError'))
}
