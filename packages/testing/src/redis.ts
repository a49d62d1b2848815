import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import type { Certificates } from './certificate.ts'
import { installHint } from './docker-registry.ts'
import { freePort, type ServerProcess, startProcess } from './process.ts'

const run = promisify(execFile)

export interface RedisOptions {
  /** Everything is written to disk before it is answered, and is there after a restart. Else nothing is. */
  readonly aof?: boolean
  /** Of the default user. */
  readonly password?: string
  /** Lines of an ACL, as `user app on >secret ~longshore:* +@all`. */
  readonly acl?: readonly string[]
  /** Speaks TLS alone. */
  readonly tls?: Certificates
  /** Whether clients have to show a certificate. */
  readonly clientCertificates?: boolean
  /** A node of a cluster, without any slots. */
  readonly cluster?: boolean
  /** A sentinel, with this configuration; all else is left out. */
  readonly sentinelFile?: string
  /** More of redis-server's arguments. */
  readonly args?: readonly string[]
  /** Other than redis-server. */
  readonly command?: string
}

export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:port`, without a password; `rediss://` with TLS. */
  readonly url: string
  readonly port: number
  /** The path of its Unix socket. */
  readonly socket: string
  readonly pid: number
  /** What it answers to a command, asked by redis-cli. */
  ask(...command: readonly string[]): Promise<string>
  stop(signal?: NodeJS.Signals): Promise<void>
  /** After `stop`: the same port, and with `aof` the same data. */
  start(): Promise<void>
  /** Stops, keeping its connections open, and answers nothing: as a machine that hangs. */
  freeze(): void
  thaw(): void
}

/** A Redis of its own, `noeviction` as BullMQ demands. @throws Error saying what to install */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { tls, password } = options
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'longshore-redis-'))
  const args = await argumentsFor(options, port, folder)
  const begin = async (): Promise<ServerProcess> => startProcess(options.command ?? 'redis-server', args, async () => answers(port, tls)).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; ${installHint}`, { cause: error })
  })
  let server = await begin()
  return {
    url: `redis${tls ? 's' : ''}://127.0.0.1:${port}`, port, socket: join(folder, 'redis.sock'),
    get pid() { return server.pid },
    async ask(...command) {
      const secure = tls ? ['--tls', '--cacert', join(folder, 'ca.crt'), '--cert', join(folder, 'client.crt'), '--key', join(folder, 'client.key')] : []
      const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) }
      return (await run('redis-cli', ['-p', String(port), ...secure, ...command], { env })).stdout.trim()
    },
    async stop(signal) { await server.end(signal) },
    async start() { server = await begin() },
    freeze() { process.kill(server.pid, 'SIGSTOP') },
    thaw() { process.kill(server.pid, 'SIGCONT') },
    async [Symbol.asyncDispose]() {
      // A stopped process does not hear SIGTERM.
      await server.end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function argumentsFor(options: RedisOptions, port: number, folder: string): Promise<readonly string[]> {
  const { aof = false, password, acl, tls, clientCertificates = false, cluster = false, args: more = [] } = options
  if (options.sentinelFile !== undefined) return [options.sentinelFile, '--sentinel', '--bind', '127.0.0.1', '--port', String(port)]
  const args = ['--bind', '127.0.0.1', '--dir', folder, '--unixsocket', join(folder, 'redis.sock'), '--save', '', '--maxmemory-policy', 'noeviction']
  args.push('--appendonly', aof ? 'yes' : 'no', ...(aof ? ['--appendfsync', 'always'] : []))
  if (password !== undefined) args.push('--requirepass', password, '--masterauth', password)
  if (acl) {
    await writeFile(join(folder, 'users.acl'), `${acl.join('\n')}\n`)
    args.push('--aclfile', join(folder, 'users.acl'))
  }
  if (tls) {
    const files = { 'ca.crt': tls.ca, 'server.crt': tls.server.cert, 'server.key': tls.server.key, 'client.crt': tls.client.cert, 'client.key': tls.client.key }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    args.push('--port', '0', '--tls-port', String(port), '--tls-ca-cert-file', join(folder, 'ca.crt'), '--tls-cert-file', join(folder, 'server.crt'))
    args.push('--tls-key-file', join(folder, 'server.key'), '--tls-auth-clients', clientCertificates ? 'yes' : 'no')
  } else args.push('--port', String(port))
  if (cluster) args.push('--cluster-enabled', 'yes', '--cluster-config-file', join(folder, 'nodes.conf'), '--cluster-node-timeout', '2000')
  return [...args, ...more]
}

/** Whether it is there, and has loaded its data. */
async function answers(port: number, tls: Certificates | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = (): void => { socket.write('PING\r\n') }
    const socket: Socket = tls ? connectTls({ port, host: '127.0.0.1', ca: tls.ca, key: tls.client.key, cert: tls.client.cert }, ping) : connectTcp(port, '127.0.0.1', ping)
    socket.once('data', (data) => {
      socket.destroy()
      resolve(/^(?:\+PONG|-NOAUTH)/.test(data.toString()))
    })
    socket.once('error', () => { resolve(false) })
    socket.once('close', () => { resolve(false) })
  })
}
