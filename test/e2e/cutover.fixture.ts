// What a cutover meets: an address that freezes the source, requests that are held up, a person who pushes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedRegistry, LoggedRequest } from '@longshore/testing'

export const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']

export interface Switch extends AsyncDisposable {
  readonly url: string
  /** The bodies of all calls so far. */
  readonly calls: ReadonlyArray<Readonly<Record<string, string>>>
  /** What is done at each call, before it is answered 204. */
  onCall: (event: string) => Promise<void>
}

/** What a hook calls. */
export async function startSwitch(): Promise<Switch> {
  const calls: Array<Readonly<Record<string, string>>> = []
  const answer = async (event: string): Promise<readonly [number, string]> => {
    try { await result.onCall(event) } catch (error) { return [400, String(error)] }
    return [204, '']
  }
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => { body += text }).on('end', () => {
      const facts = JSON.parse(body) as Record<string, string>
      calls.push(facts)
      void answer(facts['event'] ?? '').then(([status, text]) => response.writeHead(status).end(text))
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const result: Switch = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, calls, onCall: async () => {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
  return result
}

export interface Gate {
  close(): void
  open(): void
  /** Resolves when a request waits at the closed gate. */
  readonly held: Promise<void>
}

/** Requests that are held up while it is closed. */
export function gateAt(registry: EmbeddedRegistry, kinds: ReadonlyArray<LoggedRequest['kind']>): Gate {
  let passage: PromiseWithResolvers<void> | undefined
  let holding = Promise.withResolvers<void>()
  registry.onRequest(async ({ kind }) => {
    if (!passage || !kinds.includes(kind)) return
    holding.resolve()
    await passage.promise
  })
  return {
    get held() { return holding.promise },
    close() { passage ??= Promise.withResolvers() },
    open() {
      passage?.resolve()
      passage = undefined
      holding = Promise.withResolvers()
    },
  }
}

export interface Place extends AsyncDisposable {
  readonly folder: string
  readonly spec: string
  /** What is kept of the cutover, every file of it, as one text. */
  everything(): Promise<string>
}

/** A folder with `rules.yaml` in it. */
export async function placeWith(yaml: string): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-cutover-'))
  await writeFile(join(folder, 'rules.yaml'), yaml)
  return {
    folder, spec: join(folder, 'rules.yaml'),
    async everything() {
      const files = await readdir(join(folder, 'rules.yaml.cutover'), { recursive: true, withFileTypes: true })
      return (await Promise.all(files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')))).join('\n')
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/** @throws Error when it does not come to be within 20 seconds */
export async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !await look();) {
    if (Date.now() > end) throw new Error(`it did not come to be: ${what}`)
    await sleep(50)
  }
}
