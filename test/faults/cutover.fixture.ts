// A pool with its cutovers, whose leaders may be killed; requests that are held up; what makes a source read-only.
import { createServer } from 'node:http'
import type { CutoverRecord } from '@longshore/cutover'
import type { EmbeddedRegistry } from '@longshore/testing'
import { apiToken, type Service, type Stand, until } from './pool.fixture.ts'

export const secret = 'of-the-registries'
export const env = { LONGSHORE_ALLOW_HOOKS: 'true', LONGSHORE_NOTIFICATION_SECRET: secret }

/** Something that is waited for, and let go. */
export interface Gate { readonly reached: Promise<void>; open(): void }

/** The next requests of this kind wait. */
export function gateAt(registry: EmbeddedRegistry, ...kinds: readonly string[]): Gate {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const letGo = registry.onRequest(async ({ kind }) => {
    if (!kinds.includes(kind)) return
    reached.resolve()
    await opened.promise
  })
  return { reached: reached.promise, open() { letGo(); opened.resolve() } }
}

/** What makes the source read-only; asked again, it says so again. */
export async function startFreezer(): Promise<{ readonly url: string; readonly calls: () => number; readonly gate: Gate } & AsyncDisposable> {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  let calls = 0
  const server = createServer((_, response) => {
    calls++
    reached.resolve()
    void opened.promise.then(() => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { readonly port: number }
  return {
    url: `http://127.0.0.1:${port}/freeze`, calls: () => calls, gate: { reached: reached.promise, open: opened.resolve },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
    },
  }
}

/** A pool with its cutovers; coordinators come and go. */
export class World {
  readonly stand: Stand
  readonly #coordinators: Service[]
  readonly #workers: Service[]
  constructor(stand: Stand) {
    this.stand = stand
    this.#coordinators = [...stand.coordinators]
    this.#workers = [...stand.workers]
  }

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const [first] = this.#coordinators
    const listening = await first?.logged('listening')
    const headers = new Headers(init.headers)
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${apiToken}`)
    return await fetch(`${String(listening?.['url'])}/api/v1${path}`, { ...init, headers })
  }

  async begin(spec: object): Promise<string> {
    const answer = await this.ask('/cutovers?srcTlsVerify=false&destTlsVerify=false', { method: 'POST', body: JSON.stringify(spec), headers: { 'content-type': 'application/yaml' } })
    const body = await answer.json() as { readonly id?: string }
    if (body.id === undefined) throw new Error(JSON.stringify(body))
    return body.id
  }

  async notify(id: string, repository: string, tag: string): Promise<void> {
    const event = { action: 'push', target: { repository, tag, mediaType: 'application/vnd.oci.image.manifest.v1+json' } }
    const answer = await this.ask(`/cutovers/${id}/notifications`, { method: 'POST', body: JSON.stringify({ events: [event] }), headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } })
    if (answer.status !== 202) throw new Error(`the notification was answered ${answer.status}`)
  }

  async record(id: string): Promise<CutoverRecord> {
    const fields = await this.stand.client.hmget(`longshore:cutover:{${id}}:record`, 'body', 'spec')
    return { ...JSON.parse(fields[0] ?? '{}') as CutoverRecord, spec: JSON.parse(fields[1] ?? '{}') as CutoverRecord['spec'] }
  }

  async untilRecord(id: string, what: string, holds: (record: CutoverRecord) => boolean, withinMs = 60_000): Promise<CutoverRecord> {
    let last: CutoverRecord | undefined
    await until(what, async () => holds(last = await this.record(id)), withinMs).catch((error: unknown) => { throw new Error(`${String(error)}: ${JSON.stringify({ ...last, spec: {} })}`, { cause: error }) })
    return last ?? await this.record(id)
  }

  /** The process that holds it, by its lock. */
  async leader(id: string): Promise<Service | undefined> {
    const holder = await this.stand.client.get(`longshore:cutover:{${id}}:lead`)
    return holder === null ? undefined : this.#coordinators.find(({ pid }) => pid === Number(holder.split('-').at(-2)))
  }

  /** kill -9 of the leader; another coordinator is started. Returns when another leads. */
  async killLeader(id: string): Promise<void> {
    const victim = await this.leader(id)
    if (!victim) throw new Error('nobody leads')
    victim.kill('SIGKILL')
    await victim.exited
    this.#coordinators.splice(this.#coordinators.indexOf(victim), 1)
    this.#coordinators.push(this.stand.services.start('coordinator', { env }))
    await until('another leader', async () => await this.leader(id) !== undefined, 60_000)
  }

  async steer(id: string, action: 'freeze' | 'unfreeze' | 'abort'): Promise<void> {
    const answer = await this.ask(`/cutovers/${id}/${action}`, { method: 'POST' })
    if (!answer.ok) throw new Error(`${action} was answered ${answer.status}: ${await answer.text()}`)
  }

  /** At whichever coordinator is there; `undefined` while none is. */
  async notificationsUrl(id: string, registry: string): Promise<string | undefined> {
    const listening = await this.#coordinators[0]?.logged('listening')
    return listening && `${String(listening['url'])}/api/v1/cutovers/${id}/notifications?registry=${registry}`
  }

  /** kill -9 of the oldest worker that lives; another one is started. */
  killWorker(): void {
    this.#workers.shift()?.kill('SIGKILL')
    this.#workers.push(this.stand.services.start('worker', { env }))
  }
}
