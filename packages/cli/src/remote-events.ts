// The events of a migration on a coordinator, to the end, over as many connections as it takes.
import { setTimeout as delay } from 'node:timers/promises'
import { type AskedBy, originFrom, type RunEvent } from '@longshore/report'
import type { Image } from '@longshore/transfer'
import { NotACoordinatorError, RemoteError, type RemoteClient, type RemoteStatus, ServerUnreachableError, statusEventSchema } from './remote-client.ts'

export type RemoteEvent =
  | { readonly type: 'run'; readonly event: RunEvent }
  | { readonly type: 'status'; readonly status: RemoteStatus }
  | { readonly type: 'end'; readonly status: RemoteStatus }

export interface FollowOptions {
  readonly signal: AbortSignal
  /** The connection is gone, or there again. */
  readonly onTrouble: (line: string) => void
  /** For how long it is tried to come back. */
  readonly patienceMs?: number
}

/** The server says something every 15 s. */
const silenceMs = 45_000
const retryMs = { first: 500, most: 10_000 }

/** @throws RemoteError, ServerUnreachableError when it is out of reach for too long */
export async function* followEvents(client: RemoteClient, id: string, { signal, onTrouble, patienceMs = 300_000 }: FollowOptions): AsyncGenerator<RemoteEvent, void, void> {
  let last: string | undefined
  let lostMs: number | undefined
  for (let waitMs = retryMs.first; ;) {
    const silence = new AbortController()
    let timer = setTimeout(() => silence.abort(), silenceMs)
    try {
      const answer = await client.open(`/migrations/${id}/events`, { headers: last === undefined ? {} : { 'last-event-id': last }, signal: AbortSignal.any([signal, silence.signal]) })
      if (answer.status === 204 || !answer.body) return
      if (lostMs !== undefined) onTrouble('the coordinator is there again')
      lostMs = undefined
      waitMs = retryMs.first
      for await (const { name, id: position, data } of readMessages(answer.body)) {
        timer = again(timer, silence)
        if (position !== undefined) last = position
        if (name === 'run') yield { type: 'run', event: toRunEvent(data) }
        else if (name === 'status' || name === 'end') {
          const status = statusEventSchema.parse(data)
          yield { type: name, status }
          if (name === 'end') return
        } else if (name === 'problem') throw new RemoteError({ code: 'UNKNOWN', status: 0, detail: 'the coordinator gave up', ...data as object })
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      // It was there once: whatever stands in its place now is a proxy that says so.
      const mayPass = error instanceof ServerUnreachableError || (error instanceof RemoteError ? error.status >= 500 : !(error instanceof NotACoordinatorError) || last !== undefined)
      if (!mayPass || (last === undefined && lostMs === undefined && error instanceof ServerUnreachableError)) throw error
      if (lostMs !== undefined && performance.now() - lostMs > patienceMs) throw error
    } finally {
      clearTimeout(timer)
    }
    if (lostMs === undefined) onTrouble('the coordinator is out of reach; the migration goes on, and so does watching as soon as it is back')
    lostMs ??= performance.now()
    await delay(waitMs, undefined, { signal }).catch(() => { throw signal.reason })
    waitMs = Math.min(retryMs.most, waitMs * 2)
  }
}

function again(timer: NodeJS.Timeout, silence: AbortController): NodeJS.Timeout {
  clearTimeout(timer)
  return setTimeout(() => silence.abort(), silenceMs)
}

interface Message { readonly name: string; readonly id: string | undefined; readonly data: unknown }

/** WHATWG HTML, "Server-sent events", as far as a coordinator uses it. Comments come out as messages without a name: signs of life. */
export async function* readMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message, void, void> {
  let waiting = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (waiting + text).split('\n\n')
    waiting = blocks.pop() ?? ''
    for (const block of blocks) {
      let name = ''
      let id: string | undefined
      let data = ''
      for (const line of block.split('\n')) {
        const at = line.indexOf(':')
        const value = line.slice(at + 1).replace(/^ /, '')
        switch (line.slice(0, at)) {
          case 'event': name = value; break
          case 'id': id = value; break
          case 'data': data += value; break
          default: break
        }
      }
      yield { name, id, data: data === '' ? undefined : JSON.parse(data) as unknown }
    }
  }
}

/** `toJsonEvent` of @longshore/report, the other way round. */
export function toRunEvent(data: unknown): RunEvent {
  const { source, destination, code: _, askedBy, askedByMore, ...rest } = data as Readonly<Record<string, unknown>> & AskedBy
  const image: { image?: Image } = typeof source === 'string' && typeof destination === 'string' ? { image: { source: parseEnd(source), destination: parseEnd(destination) } } : {}
  return { ...rest, ...image, ...originFrom({ askedBy, askedByMore }) } as unknown as RunEvent
}

/** `formatEnd` of @longshore/transfer, the other way round: a registry is always named. */
export function parseEnd(text: string): Image['source'] {
  const slash = text.indexOf('/')
  const path = text.slice(slash + 1)
  const at = path.includes('@') ? path.indexOf('@') : path.lastIndexOf(':')
  return { registry: text.slice(0, slash), repository: path.slice(0, at), reference: path.slice(at + 1) } as Image['source']
}
