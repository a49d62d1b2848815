import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runHook } from './run-hook.ts'

interface Asked { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }

let server: Server
let base: string
let asked: Asked[]
/** What is answered, in turn; then 200. `cut`: the connection is closed. */
let answers: Array<{ readonly status: number; readonly body?: string; readonly headers?: Record<string, string> } | 'cut' | 'hang'>

beforeEach(async () => {
  asked = []
  answers = []
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
      const answer = answers.shift() ?? { status: 200 }
      if (answer === 'hang') return
      if (answer === 'cut') request.socket.destroy()
      else response.writeHead(answer.status, answer.headers).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => { server.close(resolve) })
})

const never = new AbortController().signal

async function call(url: string, { headers = {}, env = {}, timeoutMs = 20_000, signal = never }: {
  readonly headers?: Readonly<Record<string, string>>; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number; readonly signal?: AbortSignal
} = {}): Promise<void> {
  await runHook({ kind: 'http', url, headers, timeoutMs }, { facts: { registry: 'r:1', repository: 'a/b' }, env, signal })
}

describe('an address', () => {
  test('is told the facts as JSON, with what the environment holds in URL and headers', async () => {
    await call(`${base}/make/\${TEAM}`, { headers: { Authorization: 'Bearer ${HOOK_TOKEN}', 'X-Plain': 'a $${b}' }, env: { TEAM: 'blue', HOOK_TOKEN: 'tok-123456' } })
    expect(asked).toMatchObject([{ method: 'POST', url: '/make/blue', body: '{"registry":"r:1","repository":"a/b"}', headers: { 'content-type': 'application/json', authorization: 'Bearer tok-123456', 'x-plain': 'a ${b}' } }])
  })

  test('a user and a password of its URL become a header', async () => {
    await call(base.replace('http://', 'http://me:${PW}@'), { env: { PW: 'p%40ss' } })
    expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`)
  })

  test.each([['429', { status: 429 }], ['503', { status: 503, headers: { 'retry-after': '0' } }], ['a cut', 'cut' as const]])('%s is waited out', async (_, first) => {
    answers = [first, first]
    await call(base)
    expect(asked).toHaveLength(3)
  })

  test('a refusal is told at once, with the answer and without what was secret', async () => {
    answers = [{ status: 403, body: 'token tok-123456 may not do this' }]
    const failure = call(`${base}/x?key=\${KEY}`, { headers: { authorization: 'Bearer ${HOOK_TOKEN}' }, env: { HOOK_TOKEN: 'tok-123456', KEY: 'key-654321' } })
    await expect(failure).rejects.toMatchObject({ code: 'HOOK_FAILED', message: `the hook ${base}/x?key=\${KEY} was answered 403: token *** may not do this; see whether its headers hold the credentials that the address wants` })
    expect(asked).toHaveLength(1)
  })

  test('a redirect is not followed', async () => {
    answers = [{ status: 302, headers: { location: `${base}/other` } }]
    await expect(call(base)).rejects.toThrow(/was answered 302; a redirect is not followed/)
    expect(asked).toHaveLength(1)
  })

  test('what stays out of order is given up when the time is up', async () => {
    answers = Array.from({ length: 50 }, () => ({ status: 500, body: 'out of order' }))
    await expect(call(base, { timeoutMs: 1000 })).rejects.toThrow(/was answered 500, again and again within 1 s: out of order/)
    expect(asked.length).toBeGreaterThan(1)
  })

  test('who does not answer is given up when the time is up', async () => {
    answers = ['hang']
    await expect(call(base, { timeoutMs: 500 })).rejects.toThrow(/was not answered within 0.5 s/)
  })

  test('where nobody listens', async () => {
    await expect(call('http://127.0.0.1:1/', { timeoutMs: 600 })).rejects.toThrow(/could not be called within 0.6 s: .*ECONNREFUSED/)
  })

  test('a stop is the signal\'s reason', async () => {
    answers = ['hang']
    const abort = new AbortController()
    const calling = call(base, { signal: abort.signal })
    for (const until = Date.now() + 10_000; asked.length === 0 && Date.now() < until;) await new Promise((resolve) => setTimeout(resolve, 10))
    abort.abort(new Error('stopped by a person'))
    await expect(calling).rejects.toThrow('stopped by a person')
  })

  test.each([
    ['a variable that is not set', '${NOWHERE}', {}, 'the header X needs NOWHERE, which is not set in the environment of this process'],
    ['one that is empty', '${EMPTY}', { EMPTY: '' }, 'the header X needs EMPTY, which is not set'],
    ['no name', '${a b}', {}, '${a b} in the header X is not the name of a variable'],
    ['a value with a line break', '${LINES}', { LINES: 'abcd\nefgh' }, 'the header X would hold a line break'],
  ])('%s is named, and nobody is called', async (_, header, env, message) => {
    const failure = call(base, { headers: { X: header }, env })
    await expect(failure).rejects.toMatchObject({ code: 'HOOK_VARIABLE_MISSING', message: expect.stringContaining(message) as string })
    expect(asked).toHaveLength(0)
  })

  test('a URL that is none with its variables filled in is not shown with them', async () => {
    await expect(call('${ADDRESS}/x', { env: { ADDRESS: 'ftp://secret-place' } })).rejects.toThrow('the hook ${ADDRESS}/x was not called: with its variables filled in, its URL is none that begins with http:// or https://')
  })

  test('goes through the proxy that the environment names', async () => {
    const tunnels: string[] = []
    server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      tunnels.push(request.url ?? '')
      socket.end('HTTP/1.1 200 OK\r\n\r\n')
    })
    await call('http://hook.invalid/make', { env: { HTTP_PROXY: base.replace('http://', '') }, timeoutMs: 1000 }).catch(() => {})
    expect(tunnels[0] ?? asked[0]?.url).toContain('hook.invalid')
  })
})
