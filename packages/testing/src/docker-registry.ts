// The door to a real registry: docker-registry (distribution) 2.8, from a container where an engine has it, else Debian's binary.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { hasEngineSocket, readServerKind } from './config.ts'
import { freePort, startProcess } from './process.ts'
import type { TokenServer } from './token-server.ts'

export type DockerRegistryAuth =
  | { readonly kind: 'htpasswd'; readonly users: Readonly<Record<string, string>> }
  | { readonly kind: 'token'; readonly server: TokenServer }

export interface DockerRegistryOptions {
  readonly auth?: DockerRegistryAuth
  /** PEM. With `clientCa` a client certificate is demanded. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string }
  /** Default true. */
  readonly deletes?: boolean
  /** Default: a temporary one, removed at the end. */
  readonly rootDirectory?: string
  /** Takes Docker schema 1. Default false. */
  readonly schema1?: boolean
  /** Takes foreign layers with any URL. Default true; false as docker-registry does by itself. */
  readonly foreignUrls?: boolean
}

export interface DockerRegistry extends AsyncDisposable {
  readonly url: string
  /** `127.0.0.1:port`. */
  readonly host: string
  readonly kind: 'local' | 'container'
  readonly stop: () => Promise<void>
  /** On the same port, with the same content. */
  restart(): Promise<void>
}

export const installHint = 'install the servers that the tests need: apt-get install -y docker-registry skopeo redis-server apache2-utils'

/** @throws Error saying what to install, where there is neither an engine with registry:2 nor the binary */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-registry-'))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const url = `${options.tls ? 'https' : 'http'}://${host}`
  const data = options.rootDirectory ?? join(folder, 'data')
  await mkdir(data, { recursive: true })
  const kind = readServerKind()
  const runner = kind !== 'local' && (kind === 'containers' || hasEngineSocket())
    ? await runContainer(options, folder, data, port).catch((error: unknown) => {
      if (kind === 'containers') throw new Error('no container engine could run registry:2', { cause: error })
    }) : undefined
  const { runs, ...server } = runner ?? await runBinary(options, folder, data, port, url)
  return {
    url, host, kind: runs,
    stop: server.stop,
    async restart() {
      await server.stop()
      await server.start()
    },
    async [Symbol.asyncDispose]() {
      await server.remove()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Runner { readonly runs: DockerRegistry['kind']; readonly start: () => Promise<void>; readonly stop: () => Promise<void>; readonly remove: () => Promise<void> }

async function runBinary(options: DockerRegistryOptions, folder: string, data: string, port: number, url: string): Promise<Runner> {
  const config = join(folder, 'config.yml')
  await writeFile(config, await configure(options, folder, folder, data, `127.0.0.1:${port}`))
  const launch = async () => startProcess('docker-registry', ['serve', config], async () => answers(url)).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; ${installHint}`, { cause: error })
  })
  let running = await launch()
  const stop = async (): Promise<void> => running.end()
  return { runs: 'local', stop, remove: stop, async start() { running = await launch() } }
}

async function runContainer(options: DockerRegistryOptions, folder: string, data: string, port: number): Promise<Runner> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const config = await configure(options, folder, '/longshore', '/var/lib/registry', '0.0.0.0:5000')
  await writeFile(join(folder, 'config.yml'), config)
  const container = await new GenericContainer('registry:2')
    .withExposedPorts({ container: 5000, host: port })
    .withBindMounts([{ source: folder, target: '/longshore' }, { source: data, target: '/var/lib/registry' }])
    .withCopyContentToContainer([{ content: config, target: '/etc/docker/registry/config.yml' }])
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
  return {
    runs: 'container',
    async start() { await container.restart() },
    async stop() { await container.stop({ remove: false }) },
    async remove() { await container.stop() },
  }
}

/** The configuration file; YAML takes JSON. Files beside it are written to `folder`, which the registry knows as `seenAs`. */
async function configure(options: DockerRegistryOptions, folder: string, seenAs: string, data: string, addr: string): Promise<string> {
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(seenAs, name)
  }
  const { auth, tls } = options
  return JSON.stringify({
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: data }, delete: { enabled: options.deletes ?? true }, maintenance: { uploadpurging: { enabled: false } } },
    http: {
      addr,
      ...(tls ? {
        tls: {
          certificate: await file('tls.crt', tls.cert), key: await file('tls.key', tls.key),
          ...(tls.clientCa === undefined ? {} : { clientcas: [await file('ca.crt', tls.clientCa)] }),
        },
      } : {}),
    },
    ...(auth?.kind === 'htpasswd' ? { auth: { htpasswd: { realm: 'longshore', path: await file('htpasswd', await htpasswd(auth.users)) } } } : {}),
    ...(auth?.kind === 'token' ? {
      auth: {
        token: {
          realm: auth.server.realm, service: auth.server.service, issuer: auth.server.issuer, rootcertbundle: await file('token.crt', auth.server.cert),
        },
      },
    } : {}),
    ...(options.foreignUrls === false ? {} : { validation: { manifests: { urls: { allow: ['.*'] } } } }),
    ...(options.schema1 === true ? { compatibility: { schema1: { enabled: true } } } : {}),
  })
}

async function htpasswd(users: Readonly<Record<string, string>>): Promise<string> {
  const run = promisify(execFile)
  const lines: string[] = []
  // -C 4: the cheapest bcrypt; every request pays for it.
  for (const [user, password] of Object.entries(users)) lines.push((await run('htpasswd', ['-nbB', '-C', '4', user, password])).stdout.trim())
  return `${lines.join('\n')}\n`
}

/** Whether anything answers at all: 401 is an answer, and so is a handshake that demands a certificate. */
async function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const isTls = url.startsWith('https:')
    const request = (isTls ? httpsRequest : httpRequest)(`${url}/v2/`, { agent: false, ...(isTls ? { rejectUnauthorized: false } : {}) }, (response) => {
      response.resume()
      resolve(true)
    })
    request.on('error', (error: NodeJS.ErrnoException) => { resolve(isTls && error.code !== 'ECONNREFUSED') })
    request.end()
  })
}
