// A hook behind an address: a POST with the facts as JSON. What may pass is waited out, within the hook's own time.
import { backoffMs, pause } from '@longshore/concurrency'
import type { Hook } from '@longshore/spec'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { HookFailedError, HookVariableError } from './errors.ts'
import type { HookOptions } from './hook.ts'
import { resolveVariables } from './resolve-variables.ts'
import { said, saidBytes } from './said.ts'

const backoff = { baseMs: 250, capMs: 10_000 } as const

type Http = Extract<Hook, { kind: 'http' }>
type Answer = { readonly kind: 'answer'; readonly status: number; readonly text: string; readonly retryAfterMs?: number } | { readonly kind: 'none'; readonly error: Error }

/** @throws HookFailedError, HookVariableError, or the signal's reason */
export async function callHttp(http: Http, { facts, env, signal }: HookOptions): Promise<void> {
  // As it is written: with the names of variables in place of their values.
  const hook = http.url
  const { url, headers, secrets } = resolve(http, env)
  const timeout = AbortSignal.timeout(http.timeoutMs)
  const within = AbortSignal.any([signal, timeout])
  const dispatcher = openAgent(hook, env)
  let last: Answer | undefined
  try {
    for (let attempt = 0; ; attempt++) {
      const answer = await send(url, { dispatcher, headers, body: JSON.stringify(facts), signal: within })
      signal.throwIfAborted()
      if (answer.kind === 'answer' && answer.status >= 200 && answer.status < 300) return
      if (answer.kind === 'answer' && !isTransient(answer.status)) throw refused(hook, answer, secrets)
      // What broke off because the time is up says nothing that is new.
      if (!timeout.aborted) last = answer
      try {
        await pause((answer.kind === 'answer' ? answer.retryAfterMs : undefined) ?? backoffMs(backoff, attempt), within)
      } catch {
        signal.throwIfAborted()
        throw late(hook, http.timeoutMs, last, secrets)
      }
    }
  } finally {
    await dispatcher.destroy()
  }
}

/** @throws HookVariableError where it could not be called from here */
export async function checkHttp(http: Http, env: HookOptions['env']): Promise<void> {
  resolve(http, env)
  await openAgent(http.url, env).destroy()
}

function resolve({ url, headers }: Http, env: HookOptions['env']): { readonly url: URL; readonly headers: Readonly<Record<string, string>>; readonly secrets: readonly string[] } {
  const address = resolveVariables(url, env, url, 'its URL')
  const secrets = [...address.secrets]
  const parsed = URL.parse(address.text)
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new HookVariableError(url, 'with its variables filled in, its URL is none that begins with http:// or https://')
  const all: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'longshore/0.1' }
  if (parsed.username !== '' || parsed.password !== '') {
    const [user, password] = [decodeURIComponent(parsed.username), decodeURIComponent(parsed.password)]
    secrets.push(user, password)
    all['authorization'] = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    parsed.username = ''
    parsed.password = ''
  }
  for (const [name, template] of Object.entries(headers)) {
    const value = resolveVariables(template, env, url, `the header ${name}`)
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value.text)) throw new HookVariableError(url, `the header ${name} would hold a line break or a control character; look at the end of ${template}`)
    secrets.push(...value.secrets)
    all[name.toLowerCase()] = value.text
  }
  return { url: parsed, headers: all, secrets }
}

async function send(url: URL, { dispatcher, headers, body, signal }: { readonly dispatcher: Dispatcher; readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly signal: AbortSignal }): Promise<Answer> {
  try {
    const answer = await request(url, { method: 'POST', dispatcher, headers, body, signal })
    const text = await read(answer.body)
    const after = Number(answer.headers['retry-after'])
    return { kind: 'answer', status: answer.statusCode, text, ...(after > 0 ? { retryAfterMs: after * 1000 } : {}) }
  } catch (error) {
    return { kind: 'none', error: error as Error }
  }
}

/** The beginning of it; an answer is an answer, though its body breaks off. */
async function read(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      size += chunk.byteLength
      if (size >= saidBytes) break
    }
  } catch {
    // What came is what there is to tell.
  }
  return Buffer.concat(chunks).subarray(0, saidBytes).toString('utf8')
}

function isTransient(status: number): boolean { return status === 408 || status === 425 || status === 429 || status >= 500 }

function refused(hook: string, { status, text }: Extract<Answer, { kind: 'answer' }>, secrets: readonly string[]): HookFailedError {
  const remedy = status === 401 || status === 403 ? 'see whether its headers hold the credentials that the address wants'
    : status >= 300 && status < 400 ? 'a redirect is not followed: write the address that it leads to' : 'see what that address expects'
  return new HookFailedError(hook, `was answered ${status}`, said(text, secrets), remedy)
}

function late(hook: string, timeoutMs: number, last: Answer | undefined, secrets: readonly string[]): HookFailedError {
  const within = `within ${timeoutMs / 1000} s`
  const remedy = 'see whether that address works, or give the hook a longer timeout'
  switch (last?.kind) {
    case undefined: return new HookFailedError(hook, `was not answered ${within}`, '', remedy)
    case 'none': return new HookFailedError(hook, `could not be called ${within}`, said(told(last.error), secrets), remedy)
    case 'answer': return new HookFailedError(hook, `was answered ${last.status}, again and again ${within}`, said(last.text, secrets), remedy)
  }
}

function told(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return error.message === '' ? code : `${code}: ${error.message}`
}

/** The lower-case names come first, as in curl and Go; people write `proxy:3128` as well. */
function openAgent(hook: string, env: HookOptions['env']): EnvHttpProxyAgent {
  const either = (name: string): string => [env[name.toLowerCase()], env[name]].find((value) => value !== undefined && value !== '') ?? ''
  const proxy = (name: string): string => {
    const setting = either(name)
    if (setting === '') return ''
    const url = setting.includes('://') ? setting : `http://${setting}`
    if (URL.canParse(url)) return url
    throw new HookVariableError(hook, `${name} in the environment is not a URL`)
  }
  return new EnvHttpProxyAgent({ httpProxy: proxy('HTTP_PROXY'), httpsProxy: proxy('HTTPS_PROXY'), noProxy: either('NO_PROXY') })
}
