// One request from its arrival to its end: who, may it, faults, the work.
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { routeOf } from '../registry/route.ts'
import { getVersion } from './api/system.ts'
import type { Answer, Call, Handler } from './call.ts'
import type { HarborFaultScript } from './fault.ts'
import type { Harbor } from './harbor.ts'
import { HarborRefusal } from './harbor-error.ts'
import type { HarborHook, HarborRequest } from './request.ts'
import { Router } from './route.ts'
import { routes } from './routes.ts'
import { securityOf } from './security.ts'
import { answerToken } from './token.ts'
import { checkAccess } from './v2/access.ts'
import { serveV2 } from './v2/serve.ts'
import { write, writeRefusal } from './write.ts'

const router = new Router(routes)
const apiPrefix = '/api/v2.0'

export interface Serving {
  readonly harbor: Harbor
  readonly faults: HarborFaultScript
  readonly hooks: ReadonlySet<HarborHook>
  readonly requests: HarborRequest[]
}

export async function serve({ harbor, faults, hooks, requests }: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', harbor.url)
  const method = request.method ?? 'GET'
  const found = url.pathname.startsWith(`${apiPrefix}/`) ? router.find(method, url.pathname.slice(apiPrefix.length)) : undefined
  const route = found && 'route' in found ? found : undefined
  const security = securityOf(harbor.state, harbor.signer, request.headers.authorization, url.pathname)
  const log: HarborRequest = {
    method, path: request.url ?? '/', ...kindOf(method, url), operation: route?.route.operation, authorization: request.headers.authorization !== undefined,
    accept: request.headers.accept, atMs: Date.now(), user: security.name, status: 0, bytesIn: 0, bytesOut: 0,
  }
  requests.push(log)
  request.on('error', () => {})
  response.on('error', () => {})
  response.setHeader('x-request-id', request.headers['x-request-id'] ?? randomUUID())
  // A session nobody asked for: who sends it back needs a CSRF token from then on.
  if (log.kind === 'api') response.setHeader('set-cookie', `sid=${randomBytes(16).toString('hex')}; Path=/; HttpOnly`)
  const call: Call = { harbor, state: harbor.state, request, response, url, log, security, params: route?.params ?? {} }
  try {
    checkBefore(call)
    if (log.kind !== 'api' && log.kind !== 'token') checkAccess(call)
    const fault = faults.take(log)
    for (const hook of hooks) await hook(log)
    if (fault?.kind === 'drop') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'status') {
      log.status = fault.status
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body ?? '{"errors":[{"code":"UNKNOWN","message":"as scripted"}]}')
      return
    }
    if (fault?.kind === 'html') {
      log.status = 200
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Harbor</title><p>Loading...')
      return
    }
    if (fault?.kind === 'slow') await delay(fault.delayMs)
    if (log.kind !== 'api' && log.kind !== 'token') {
      await serveV2(call)
      return
    }
    const answer = await handlerOf(call, found)(call)
    if (fault?.kind === 'drop-after-commit') request.socket.destroy()
    else write(call, answer)
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy()
    else writeRefusal(call, error instanceof HarborRefusal ? error : new HarborRefusal('UNKNOWN', String(error)))
  } finally {
    request.resume()
  }
}

function kindOf(method: string, url: URL): Pick<HarborRequest, 'kind' | 'repository' | 'reference'> {
  if (url.pathname === '/service/token') return { kind: 'token', repository: undefined, reference: undefined }
  return /^\/v2(?:\/|$)/.test(url.pathname) ? routeOf(method, url) : { kind: 'api', repository: undefined, reference: undefined }
}

/** @throws HarborRefusal 403 */
function checkBefore({ request, state, url, log }: Call): void {
  const isSafe = ['GET', 'HEAD', 'OPTIONS'].includes(log.method)
  // A client that keeps Harbor's cookie is taken for a browser.
  if (log.kind === 'api' && !isSafe && /(?:^|; *)sid=/.test(request.headers.cookie ?? '')) throw new HarborRefusal('FORBIDDEN', 'CSRF token not found in request')
  if (state.configuration.readOnly && !isSafe && url.pathname !== `${apiPrefix}/configurations`) {
    throw new HarborRefusal('DENIED', 'The system is in read only mode. Any modification is prohibited.')
  }
}

function handlerOf({ log, url }: Call, found: ReturnType<Router['find']>): Handler {
  if (log.kind === 'token') return answerToken
  if (url.pathname === '/api/version') return getVersion
  if (found && 'route' in found) return found.route.act
  if (found) return (): Answer => ({ status: 405, headers: { allow: found.allowed.join(',') }, body: { errors: [{ code: 'METHOD_NOT_ALLOWED', message: `method ${log.method} is not allowed, but [${found.allowed.join(',')}] are` }] } })
  return (): Answer => ({ status: 404, body: { errors: [{ code: 'NOT_FOUND', message: `path ${url.pathname} was not found` }] } })
}
