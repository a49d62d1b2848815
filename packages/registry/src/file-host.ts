// Small files of a web server that is no registry (signatures beside one), reached as registries are: certificates, proxies, patience.
import { backoffMs, pause } from '@longshore/concurrency'
import { headerOf } from './answer.ts'
import { connectionError, isTransient, isTransientStatus } from './failure.ts'
import { defaultRetries, defaultTimeouts, defaultUserAgent, type RegistryOptions } from './options.ts'
import { maxRedirects, resolveLocation } from './paths.ts'
import { redact } from './redact.ts'
import { newStats } from './stats.ts'
import { Wire } from './wire.ts'

export type FileHostOptions = Pick<RegistryOptions, 'tlsVerify' | 'tls' | 'proxy' | 'userAgent' | 'timeouts' | 'retries'> & {
  /** `host[:port]`, who alone is shown a client certificate. */
  readonly host: string
}

export interface FileAnswer {
  readonly status: number
  readonly body: Uint8Array
  /** There was more than asked for. */
  readonly truncated: boolean
}

/** Keeps its connections until it is disposed of. No credentials are shown. */
export interface FileHost extends AsyncDisposable {
  /** @param url of this host; redirects are followed. @throws ConnectionError, or the signal's reason */
  get(url: URL, limit: number, signal: AbortSignal): Promise<FileAnswer>
}

export function createFileHost({ host, ...options }: FileHostOptions): FileHost {
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const retries = { ...defaultRetries, ...options.retries }
  const wire = new Wire({ ...options, registry: host }, timeouts, newStats())
  const headers = ['user-agent', options.userAgent ?? defaultUserAgent]

  async function ask(origin: string, path: string, limit: number, signal: AbortSignal) {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await wire.send(origin, { method: 'GET', path, headers, limit, headersMs: timeouts.headersMs }, signal)
        if (!isTransientStatus(answer.status) || attempt >= retries.attempts) return answer
      } catch (cause) {
        signal.throwIfAborted()
        const error = connectionError(host, `GET ${redact(path)}`, cause)
        if (attempt >= retries.attempts || !isTransient(error, false)) throw error
      }
      await pause(backoffMs(retries, attempt - 1), signal)
    }
  }

  return {
    async get(url, limit, signal) {
      let at = { origin: url.origin, path: url.pathname + url.search }
      for (let redirects = 0; ; redirects++) {
        const { status, headers, body, truncated } = await ask(at.origin, at.path, limit, signal)
        const to = status >= 301 && status <= 308 && redirects < maxRedirects ? resolveLocation(headerOf(headers, 'location'), at.origin, at.path) : undefined
        if (to === undefined) return { status, body, truncated }
        at = to
      }
    },
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  }
}
