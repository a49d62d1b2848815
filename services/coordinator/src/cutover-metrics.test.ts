// What Prometheus sees of a cutover while its source is frozen: what the alert LongshoreCutoverFreezeLong goes by.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stand, startStand, token } from './coordinator.fixture.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand({ images: 2, env: { LONGSHORE_ALLOW_HOOKS: 'true' } }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

/** A hook that answers when it is let go. */
async function startHook(): Promise<{ readonly url: string; readonly called: Promise<void>; letGo(): void } & AsyncDisposable> {
  const called = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  const server = createServer((_, response) => {
    called.resolve()
    void answered.promise.then(() => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, called: called.promise, letGo: answered.resolve,
    async [Symbol.asyncDispose]() { server.closeAllConnections(); await new Promise((resolve) => { server.close(resolve) }) },
  }
}

/** Requests of these kinds to the destination are held up until it is opened. */
function gate(...kinds: readonly string[]): { open(): void } {
  const opened = Promise.withResolvers<void>()
  const letGo = stand.destination.onRequest(async ({ kind }) => { if (kinds.includes(kind)) await opened.promise })
  return { open() { letGo(); opened.resolve() } }
}

async function begin(repository: string, deadline: string, hook: string): Promise<string> {
  const spec = JSON.stringify({ version: 1, from: stand.source.host, to: stand.destination.host, images: [{ name: repository }], cutover: { delta: { every: '1h' }, freeze: { deadline, hook: { http: { url: hook }, timeout: '2m' } } } })
  const { id } = await (await stand.ask('/cutovers?srcTlsVerify=false&destTlsVerify=false', { method: 'POST', body: spec, headers: { 'content-type': 'application/yaml' } })).json() as { readonly id: string }
  await untilPhase(id, 'delta')
  return id
}
async function untilPhase(id: string, phase: string): Promise<void> {
  await expect.poll(async () => (await (await stand.ask(`/cutovers/${id}`)).json() as { readonly phase: string }).phase, { timeout: 60_000, interval: 50 }).toBe(phase)
}
const freeze = async (id: string): Promise<void> => { expect((await stand.ask(`/cutovers/${id}/freeze`, { method: 'POST' })).status).toBe(200) }

/** Its phase as the metrics have it, and what is left until its deadline. */
async function seen(id: string): Promise<{ readonly phase: string | undefined; readonly left: number | undefined }> {
  const text = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  const left = new RegExp(`^longshore_cutover_deadline_seconds\\{cutover="${id}"\\} (\\S+)$`, 'm').exec(text)?.[1]
  return { phase: new RegExp(`^longshore_cutover_phase\\{cutover="${id}",phase="([\\w-]+)"\\} 1$`, 'm').exec(text)?.[1], left: left === undefined ? undefined : Number(left) }
}

test('the deadline is there from the freeze to the decision', { timeout: 120_000 }, async () => {
  await using hook = await startHook()
  const id = await begin('team/app0', '10m', hook.url)
  await freeze(id)
  await hook.called
  await expect.poll(() => seen(id), { timeout: 30_000 }).toEqual({ phase: 'freezing', left: undefined })
  const asked = gate('manifest-head', 'manifest-get', 'tags')
  hook.letGo()
  await expect.poll(() => seen(id), { timeout: 30_000 }).toEqual({ phase: 'final', left: expect.any(Number) })
  const { left = 0 } = await seen(id)
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(600)
  asked.open()
  await untilPhase(id, 'go')
  await expect.poll(() => seen(id), { timeout: 30_000 }).toEqual({ phase: undefined, left: undefined })
})

test('a deadline that has passed is below nothing for as long as there is no decision', { timeout: 120_000 }, async () => {
  await using hook = await startHook()
  const id = await begin('team/app1', '1s', hook.url)
  const asked = gate('manifest-head', 'manifest-get', 'tags')
  hook.letGo()
  await freeze(id)
  await untilPhase(id, 'verifying')
  await expect.poll(() => seen(id), { timeout: 30_000 }).toEqual({ phase: 'verifying', left: expect.any(Number) })
  expect((await seen(id)).left).toBeLessThan(0)
  asked.open()
  await untilPhase(id, 'no-go')
  await expect.poll(() => seen(id), { timeout: 30_000 }).toEqual({ phase: undefined, left: undefined })
})
