// A Harbor in this process: the REST API of its swagger file, its token service, and its registry API in front of a real docker-registry.
// What it knows is in memory; what it keeps is in the registry. Where the swagger file is silent, it does as Harbor 2.12's source does.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type DockerRegistry, startDockerRegistry } from '../docker-registry.ts'
import { type HarborFaultRule, HarborFaultScript } from './fault.ts'
import { type Fixtures, fixturesOf } from './fixtures.ts'
import type { Harbor } from './harbor.ts'
import { HarborState } from './harbor-state.ts'
import type { EmbeddedHarborOptions } from './options.ts'
import { createProject } from './project.ts'
import { type HarborFilter, type HarborHook, type HarborRequest, matchesHarborRequest } from './request.ts'
import { serve } from './serve.ts'
import { TokenSigner } from './token-signer.ts'
import { createUser } from './user.ts'
import { RegistryBehind } from './v2/registry-behind.ts'
import { type Delivery, Webhooks } from './webhooks.ts'

export interface EmbeddedHarbor extends AsyncDisposable, Fixtures {
  /** `http://127.0.0.1:port`, or `https:` with TLS. */
  readonly url: string
  /** `127.0.0.1:port`. */
  readonly host: string
  readonly admin: { readonly name: string; readonly password: string }
  /** The registry behind; it knows nobody but Harbor. */
  readonly registry: DockerRegistry
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly HarborRequest[]
  count(filter?: HarborFilter): number
  clearRequests(): void
  fail(rule: HarborFaultRule): void
  clearFaults(): void
  /** Returns what takes the hook away again. */
  onRequest(hook: HarborHook): () => void
  /** Every attempt to tell a webhook's target, and what came of it. */
  readonly deliveries: readonly Delivery[]
  /** Those given so far are no longer good. */
  expireTokens(): void
  /** All that were given so far: to see that they are nowhere else. */
  readonly tokens: readonly string[]
}

export async function startEmbeddedHarbor(options: EmbeddedHarborOptions = {}): Promise<EmbeddedHarbor> {
  const state = new HarborState()
  const [user, secret] = ['harbor_registry_user', randomBytes(16).toString('hex')]
  const registry = await startDockerRegistry({
    auth: { kind: 'htpasswd', users: { [user]: secret } }, schema1: true,
    ...(options.rootDirectory === undefined ? {} : { rootDirectory: options.rootDirectory }),
  })
  const admin = { name: 'admin', password: options.adminPassword ?? 'Harbor12345' }
  createUser(state, { ...admin, email: 'admin@example.com', realname: 'system admin', isAdmin: true })
  createProject(state, { name: 'library', ownerId: 1, metadata: { public: 'true' }, storageLimit: -1 })
  const webhooks = new Webhooks(state)
  const harbor: Harbor = {
    options, state, signer: new TokenSigner(), server: registry, behind: new RegistryBehind(registry.url, user, secret), webhooks, accepted: new Map(), url: '',
  }
  const [faults, hooks, requests]: [HarborFaultScript, Set<HarborHook>, HarborRequest[]] = [new HarborFaultScript(), new Set(), []]
  const server = serverOf(options, (request, response) => { void serve({ harbor, faults, hooks, requests }, request, response) })
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    await webhooks[Symbol.asyncDispose]()
    harbor.behind[Symbol.dispose]()
    await registry[Symbol.asyncDispose]()
  }
  try {
    await listen(server, options.port ?? 0)
  } catch (error) {
    await close()
    throw error
  }
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  harbor.url = `${options.tls ? 'https' : 'http'}://${host}`
  webhooks.host = host
  return {
    url: harbor.url, host, admin, registry, requests, ...fixturesOf(harbor),
    count: (filter = {}) => requests.filter((request) => matchesHarborRequest(filter, request)).length,
    clearRequests() { requests.length = 0 },
    fail(rule) { faults.add(rule) },
    clearFaults() { faults.clear() },
    onRequest(hook) {
      hooks.add(hook)
      return () => { hooks.delete(hook) }
    },
    deliveries: webhooks.deliveries,
    expireTokens() { harbor.signer.expireAll() },
    tokens: harbor.signer.given,
    [Symbol.asyncDispose]: close,
  }
}

function serverOf({ tls }: EmbeddedHarborOptions, listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.keepAliveTimeout = 60_000
  server.requestTimeout = 0
  return server
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}
