import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openPool } from '@longshore/pool'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Stand, startStand } from './coordinator.fixture.ts'
import { parsePosition, sendEvents } from './event-source.ts'
import { statusEventSchema } from './schemas.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand({ images: 12 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

interface Message { readonly id?: string; readonly event: string; readonly data: Record<string, unknown> }

/** Reads messages until the end, or until `enough` says so. */
async function watch(id: string, after?: string, enough: (message: Message) => boolean = () => false): Promise<readonly Message[]> {
  const leave = new AbortController()
  const answer = await stand.ask(`/migrations/${id}/events`, { headers: after === undefined ? {} : { 'last-event-id': after }, signal: leave.signal })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const messages: Message[] = []
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
      if (fields['event'] === undefined) continue
      const message: Message = { ...(fields['id'] === undefined ? {} : { id: fields['id'] }), event: fields['event'], data: JSON.parse(fields['data'] ?? '') as Record<string, unknown> }
      messages.push(message)
      if (!enough(message)) continue
      leave.abort()
      return messages
    }
  }
  return messages
}
const runsOf = (messages: readonly Message[]): readonly Message[] => messages.filter(({ event }) => event === 'run')

describe('events', () => {
  test('tell a migration from its beginning to its end, and then end', async () => {
    const id = await stand.submit('team/app0:1\nteam/app1:1\nteam/none:1\n')
    const messages = await watch(id)
    expect(messages[0]?.event).toBe('status')
    const types = runsOf(messages).map(({ data }) => data['type'])
    for (const [type, times] of [['found', 3], ['expanded', 1], ['resolved', 2], ['blob', 6], ['done', 2], ['failed', 1]] as const) expect([type, types.filter((one) => one === type).length]).toEqual([type, times])
    const failed = runsOf(messages).find(({ data }) => data['type'] === 'failed')
    expect(failed?.data).toMatchObject({ source: `${stand.source.host}/team/none:1`, destination: `${stand.destination.host}/team/none:1`, code: 'IMAGE_NOT_FOUND' })
    expect(runsOf(messages).every((message) => message.id !== undefined)).toBe(true)
    const end = messages.at(-1)
    expect(end).toMatchObject({ event: 'end', id: expect.stringMatching(/\.end$/), data: { state: 'complete', images: { copied: 2, failed: 1 } } })
    for (const { event, data } of messages) if (event === 'status' || event === 'end') expect(statusEventSchema.parse(data)).toEqual(data)
  })

  test('go on exactly behind the one that was seen last, wherever that was', async () => {
    const id = await stand.submit('team/app2:1\nteam/app3:1\nteam/app4:1\n')
    const all = runsOf(await watch(id))
    expect(new Set(all.map((message) => message.id)).size).toBe(all.length)
    for (const at of [0, 1, Math.floor(all.length / 2), all.length - 2, all.length - 1]) {
      const rest = runsOf(await watch(id, all[at]?.id))
      expect(rest.map((message) => message.id)).toEqual(all.slice(at + 1).map((message) => message.id))
    }
  })

  test('a watcher that was cut off while it ran misses nothing', async () => {
    using held = stand.hold()
    const id = await stand.submit('team/app5:1\nteam/app6:1\n')
    const first = await watch(id, undefined, ({ data }) => data['type'] === 'resolved')
    held[Symbol.dispose]()
    await stand.untilState(id, 'complete')
    const rest = await watch(id, runsOf(first).at(-1)?.id)
    expect([...runsOf(first), ...runsOf(rest)].map((message) => message.id)).toEqual(runsOf(await watch(id)).map((message) => message.id))
  })

  test('who has seen the end is told not to come back', async () => {
    const id = await stand.submit('team/app0:1 end/app0:1\n')
    const messages = await watch(id)
    expect((await stand.ask(`/migrations/${id}/events`, { headers: { 'last-event-id': messages.at(-1)?.id ?? '' } })).status).toBe(204)
    // A page that cannot set headers says it in the query.
    expect((await stand.ask(`/migrations/${id}/events?after=${messages.at(-1)?.id}`)).status).toBe(204)
  })

  test('show what is on its way', async () => {
    using _held = stand.hold()
    const id = await stand.submit('team/app7:1\n')
    const messages = await watch(id, undefined, ({ event, data }) => event === 'status' && (data['images'] as { resolved: number }).resolved === 1)
    expect(messages.at(-1)?.data).toMatchObject({ state: 'running', images: { found: 1, open: 1 }, led: true })
    await stand.ask(`/migrations/${id}/cancel`, { method: 'POST' })
  })

  test('a watcher that leaves is let go', async () => {
    using _held = stand.hold()
    const id = await stand.submit('team/app8:1\n')
    await watch(id, undefined, ({ event }) => event === 'status')
    await vi.waitFor(() => expect(stand.logged()).toContain('/migrations/:id/events'))
    await stand.ask(`/migrations/${id}/cancel`, { method: 'POST' })
  })

  test('a watcher that does not read is held back, and dropped after a while', async () => {
    using _held = stand.hold()
    const id = await stand.submit('team/app9:1\n')
    await using pool = await openPool({ url: stand.redis.url }, { recordMs: 60_000, name: 'test', onSay: () => {} })
    // 30 MB of events: far more than sockets hold.
    const message = 'x'.repeat(1_000)
    const entry = JSON.stringify(Array.from({ length: 100 }, () => ({ type: 'warning', message })))
    for (let i = 0; i < 300; i++) await pool.redis.xadd(`longshore:{${id}}:events`, '*', 'e', entry)
    const answered = Promise.withResolvers<ServerResponse>()
    const server = createServer((_, answer) => {
      answered.resolve(answer)
      void sendEvents(answer, { store: pool.store, id, after: undefined, answers: () => undefined, signal: new AbortController().signal, times: { stalled: 1_000, status: 100 } })
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const watcher = request(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, (answer) => { answer.pause() })
    watcher.on('error', () => { /* it is dropped */ })
    watcher.end()
    const answer = await answered.promise
    let most = 0
    await vi.waitFor(() => {
      most = Math.max(most, answer.writableLength)
      expect(answer.destroyed).toBe(true)
    }, { timeout: 20_000, interval: 10 })
    expect(most).toBeLessThan(1e6)
    await new Promise((resolve) => { server.close(resolve) })
    await stand.ask(`/migrations/${id}/cancel`, { method: 'POST' })
  })
})

test.each([['1700-0', { cursor: '1700-0', index: Number.MAX_SAFE_INTEGER, isEnd: false }], ['1700-0.3', { cursor: '1700-0', index: 3, isEnd: false }], ['1700-0.end', { cursor: '1700-0', index: Number.MAX_SAFE_INTEGER, isEnd: true }], ['x', undefined], ['', undefined], ['1-2.3.4', undefined]])('position %s', (text, position) => {
  expect(parsePosition(text)).toEqual(position)
})
