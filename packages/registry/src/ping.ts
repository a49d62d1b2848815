// The first question to a registry, asked once: which scheme, and does it want credentials? distribution-spec v1.1.1, end-1.
// Where plain HTTP is allowed, both schemes are asked at once: that a port speaks no TLS is known only a round trip after the
// connection stands. TLS goes before, whoever answers first; what is sent in the clear is this question, without credentials.
import { type Backoff, backoffMs, pause } from '@longshore/concurrency'
import { ConnectionError } from '@longshore/oci'
import { type Answer, headerOf } from './answer.ts'
import { type Challenge, parseChallenge } from './challenge.ts'
import { connectionError, isTransient, isTransientStatus, parseRetryAfter, registryError } from './failure.ts'
import type { RegistryOptions, Timeouts } from './options.ts'
import type { Wire } from './wire.ts'

/** @throws ConnectionError HOST_UNREACHABLE, TLS_FAILED, NOT_A_REGISTRY …, RegistryError for a registry that is out of order */
export async function findOrigin(
  wire: Wire, options: RegistryOptions, timeouts: Timeouts, retries: Backoff & { readonly attempts: number }, userAgent: string, signal: AbortSignal,
): Promise<{ readonly origin: string; readonly challenge: Challenge | undefined }> {
  const { registry, tlsVerify = true } = options
  const host = requestHost(registry)
  const origins = tlsVerify ? [`https://${host}`] : [`https://${host}`, `http://${host}`]
  for (let attempt = 1; ; attempt++) {
    let failure: Error | undefined
    let waitMs: number | undefined
    const settled = new AbortController()
    const scoped = AbortSignal.any([signal, settled.signal])
    const asked = origins.map((origin) => ask(wire, origin, userAgent, timeouts, scoped))
    try {
      for (const asking of asked) {
        const { origin, answer, cause } = await asking
        if (answer === undefined) {
          signal.throwIfAborted()
          if (cause instanceof ConnectionError) throw cause
          // The first of two failures tells more: the second is what a TLS port says to plain HTTP.
          failure ??= connectionError(registry, 'GET /v2/', cause)
        } else if (isTransientStatus(answer.status)) {
          failure = registryError(registry, 'GET', '/v2/', answer)
          waitMs = parseRetryAfter(answer.headers)
          break
        } else return { origin, challenge: checkRegistry(registry, answer) }
      }
    } finally {
      settled.abort()
      await Promise.all(asked)
    }
    if (failure && (!isTransient(failure, false) || attempt >= Math.min(3, retries.attempts))) throw failure
    await pause(waitMs ?? backoffMs(retries, attempt - 1), signal)
  }
}

interface Asked { readonly origin: string; readonly answer?: Answer; readonly cause?: unknown }

async function ask(wire: Wire, origin: string, userAgent: string, timeouts: Timeouts, signal: AbortSignal): Promise<Asked> {
  try {
    const answer = await wire.send(origin, {
      method: 'GET', path: '/v2/', headers: ['user-agent', userAgent], limit: 64 * 1024, headersMs: timeouts.headersMs,
    }, signal)
    return { origin, answer }
  } catch (cause) {
    return { origin, cause }
  }
}

/** Docker Hub's API lives on another name than the one people write. */
function requestHost(registry: string): string {
  return registry === 'docker.io' || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry
}

function checkRegistry(registry: string, answer: Answer): Challenge | undefined {
  const type = headerOf(answer.headers, 'content-type') ?? ''
  const challenge = parseChallenge(answer.headers['www-authenticate'])
  const known = answer.headers['docker-distribution-api-version'] !== undefined
  if (answer.status === 401 || answer.status === 403) {
    if (challenge || known || !/html/i.test(type)) return challenge
  } else if (answer.status === 200 && !/html/i.test(type)) {
    return challenge
  }
  const what = /html/i.test(type) ? 'a web page' : answer.status >= 300 && answer.status < 400 ? 'a redirect' : 'something else'
  throw new ConnectionError('NOT_A_REGISTRY', registry,
    `${registry}: answered ${what} (status ${answer.status}) to GET /v2/, so it is no registry; check host and port`)
}
