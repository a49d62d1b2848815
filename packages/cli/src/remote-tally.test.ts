import { buildReport, type RunEvent, Tally, toJsonEvent } from '@longshore/report'
import { describe, expect, test } from 'vitest'
import { readMessages, toRunEvent } from './remote-events.ts'
import { RemoteTally, tallyOf } from './remote-tally.ts'
import type { RemoteStatus } from './remote-client.ts'

const digest = `sha256:${'1'.repeat(64)}`
const image = (n: number): never => ({ source: { registry: 'docker.io', repository: `library/app${n}`, reference: 'v1.2' }, destination: { registry: '127.0.0.1:5000', repository: `m/app${n}`, reference: digest } }) as never
const blobs = { pushed: 2, pushedBytes: 20, mounted: 1, mountedBytes: 5, existed: 0, existedBytes: 0 }
const error = { name: 'ImageNotFoundError', code: 'IMAGE_NOT_FOUND', message: 'there is no such image' }
const events: readonly RunEvent[] = [
  { type: 'found', image: image(1) }, { type: 'found', image: image(2) }, { type: 'expanded', images: 2 }, { type: 'resolved', image: image(1), digest: digest as never, blobs: 3, bytes: 25 },
  { type: 'done', image: image(1), outcome: 'copied', digest: digest as never, blobs, referrers: 1, ms: 12 }, { type: 'failed', image: image(2), error, hint: 'check the name' },
  { type: 'unlisted', registry: 'r', file: 'f', line: 1, error, hint: '' }, { type: 'warning', message: 'w' },
]

test.each(events.map((event) => [event.type, event] as const))('an event %s comes back from JSON as it was', (_, event) => { expect(toRunEvent(JSON.parse(JSON.stringify(toJsonEvent(event))))).toEqual(event) })

test('messages are read however they are cut', async () => {
  const text = 'id: 1-0.0\nevent: run\ndata: {"type":"warning","message":"ä"}\n\n: still there\n\nevent: status\ndata: {"a":1}\n\n'
  for (const size of [1, 2, 3, 7, 1000]) {
    const bytes = Buffer.from(text)
    const body = ReadableStream.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => new Uint8Array(bytes.subarray(i * size, (i + 1) * size))))
    expect(await Array.fromAsync(readMessages(body))).toEqual([
      { name: 'run', id: '1-0.0', data: { type: 'warning', message: 'ä' } }, { name: '', id: undefined, data: undefined }, { name: 'status', id: undefined, data: { a: 1 } },
    ])
  }
})

describe('two counts', () => {
  const status = (found: number, copied: number, expanded: boolean): RemoteStatus => ({
    id: 'm', task: 'migrate', state: 'running', created: '', expanded, images: { found, resolved: copied, copied, present: 0, failed: 0, open: found - copied },
    blobs: { pushed: { count: 1, bytes: 10 }, mounted: { count: 0, bytes: 0 }, existed: { count: 0, bytes: 0 } }, expectedBytes: 99, manifests: 1, referrers: 0, workers: 1, led: true, elapsedMs: 1,
    transfers: [{ registry: 'r', repository: 'a', digest, size: 50, sent: 10 }],
  })

  test('lines are numbered by the events, and never beyond what is known', () => {
    const tally = new RemoteTally()
    tally.set(status(0, 0, false))
    for (const event of events.slice(0, 5)) tally.add(event)
    expect([tally.told.settled, tally.told.total, tally.told.isTotalKnown]).toEqual([1, 2, true])
    // An older status takes nothing back.
    tally.set(status(1, 0, false))
    expect([tally.told.total, tally.told.isTotalKnown]).toEqual([2, true])
  })

  test('bars follow the status, whatever of the events is still kept', () => {
    const tally = new RemoteTally()
    tally.set(status(100, 60, true))
    tally.add(events[4]!)
    expect([tally.shown.copied, tally.shown.total, tally.shown.blobs.pushedBytes, tally.shown.expectedBytes]).toEqual([60, 100, 10, 99])
    expect([...tally.inFlight]).toEqual([expect.objectContaining({ registry: 'r', repository: 'a', sent: 10 })])
    const [before] = tally.inFlight
    tally.set({ ...status(100, 61, true), transfers: [{ registry: 'r', repository: 'a', digest, size: 50, sent: 30 }] })
    expect([...tally.inFlight][0]).toBe(before)
    expect(before?.sent).toBe(30)
    tally.set({ ...status(100, 62, true), transfers: [] })
    expect(tally.inFlight.size).toBe(0)
  })
})

test('a report gives the tally back that it was made from', () => {
  const tally = new Tally({ keepsEntries: true })
  for (const event of events) tally.add(event)
  Object.assign(tally.blobs, blobs)
  const facts = { version: '1', started: new Date(0), ended: new Date(9), ms: 9, stopped: false, registries: [] }
  const back = tallyOf(buildReport(tally, facts))
  for (const key of ['found', 'copied', 'present', 'failed', 'openCount', 'referrers', 'total', 'blobs', 'failures', 'unlisted'] as const) expect([key, back[key]]).toEqual([key, tally[key]])
})
