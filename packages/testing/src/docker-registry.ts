// The door to a real registry: docker-registry (distribution) 2.8, from a container where an engine has it, else Debian's binary.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { engineName, readServerKind } from './config.ts'
import { chooseServers, fallBack, startRegistryContainer } from './engine.ts'
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
  /** Refuses writes (its maintenance mode). Default false. */
  readonly readOnly?: boolean
  /** Of another one that is stopped: with its `rootDirectory`, that one in another state. Default: a free one. */
  readonly port?: number
  /** Takes Docker schema 1. Default false. */
  readonly schema1?: boolean
  /** Where it tells of what is pushed, pulled and deleted, and what it sends along. */
  readonly notifications?: { readonly url: string; readonly headers: Readonly<Record<string, readonly string[]>> }
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

export const installHint = 'install the servers that the tests need: apt-get install -y docker-registry skopeo podman redis-server apache2-utils gnupg fish zsh'

/** @throws Error saying what to install, where there is neither an engine with registry:2 nor the binary */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const port = options.port ?? await freePort()
  const host = `127.0.0.1:${port}`
  const url = `${options.tls ? 'https' : 'http'}://${host}`
  const { runs, remove, ...server } = await chooseServers() === 'containers' ? await runContainer(options, port, url) : await runBinary(options, port, url)
  return {
    url, host, kind: runs,
    stop: server.stop,
    async restart() {
      await server.stop()
      await server.start()
    },
    [Symbol.asyncDispose]: remove,
  }
}

interface Runner { readonly runs: DockerRegistry['kind']; readonly start: () => Promise<void>; readonly stop: () => Promise<void>; readonly remove: () => Promise<void> }

async function runBinary(options: DockerRegistryOptions, port: number, url: string): Promise<Runner> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-registry-'))
  const config = join(folder, 'config.yml')
  const launch = async () => startProcess('docker-registry', ['serve', config], async () => answers(url)).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; ${installHint}`, { cause: error })
  })
  try {
    const data = options.rootDirectory ?? join(folder, 'data')
    await mkdir(data, { recursive: true })
    for (const [path, content] of Object.entries(await configure(options, config, data, `127.0.0.1:${port}`, 'error'))) await writeFile(path, content)
    let running = await launch()
    const stop = async (): Promise<void> => running.end()
    return {
      runs: 'local', stop,
      async start() { running = await launch() },
      async remove() {
        await stop()
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function runContainer(options: DockerRegistryOptions, port: number, url: string): Promise<Runner> {
  const { rootDirectory } = options
  // Where the image's own command looks for its configuration.
  const files = await configure(options, '/etc/docker/registry/config.yml', '/var/lib/registry', '0.0.0.0:5000', 'info')
  try {
    if (rootDirectory !== undefined) await mkdir(rootDirectory, { recursive: true })
    const container = await startRegistryContainer({ port, files, ...(rootDirectory === undefined ? {} : { rootDirectory }) })
    // Tests that run in a container themselves, or with an engine on another machine, do not see the port.
    const deadline = Date.now() + 5000
    while (!await answers(url)) {
      if (Date.now() > deadline) {
        await container.remove()
        throw new Error(`it runs, but cannot be reached at ${url}`)
      }
      await delay(50)
    }
    return { runs: 'container', ...container }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (readServerKind() === 'containers') throw new Error(`the container engine ${engineName()} could not run registry:2: ${why}`, { cause: error })
    fallBack(why)
    return runBinary(options, port, url)
  }
}

/**
 * Path to content: the configuration at `config`, and what it needs beside it. YAML takes JSON.
 *
 * @param level of the log; at `info` the registry says when it listens
 */
async function configure(
  options: DockerRegistryOptions, config: string, data: string, addr: string, level: 'error' | 'info',
): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  const file = (name: string, content: string): string => {
    const path = join(dirname(config), name)
    files[path] = content
    return path
  }
  const { auth, tls } = options
  files[config] = JSON.stringify({
    version: '0.1',
    log: { level, accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: data }, delete: { enabled: options.deletes ?? true }, maintenance: { uploadpurging: { enabled: false }, ...(options.readOnly === true ? { readonly: { enabled: true } } : {}) } },
    http: {
      addr,
      ...(tls ? {
        tls: {
          certificate: file('tls.crt', tls.cert), key: file('tls.key', tls.key),
          ...(tls.clientCa === undefined ? {} : { clientcas: [file('ca.crt', tls.clientCa)] }),
        },
      } : {}),
    },
    ...(auth?.kind === 'htpasswd' ? { auth: { htpasswd: { realm: 'longshore', path: file('htpasswd', await htpasswd(auth.users)) } } } : {}),
    ...(auth?.kind === 'token' ? {
      auth: {
        token: { realm: auth.server.realm, service: auth.server.service, issuer: auth.server.issuer, rootcertbundle: file('token.crt', auth.server.cert) },
      },
    } : {}),
    ...(options.foreignUrls === false ? {} : { validation: { manifests: { urls: { allow: ['.*'] } } } }),
    ...(options.notifications === undefined ? {} : { notifications: { endpoints: [{ name: 'longshore', ...options.notifications, timeout: '2s', threshold: 3, backoff: '200ms' }] } }),
    ...(options.schema1 === true ? { compatibility: { schema1: { enabled: true } } } : {}),
  })
  return files
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
