import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A process that serves on loopback until it is disposed of. */
export interface Server extends AsyncDisposable { readonly authority: string }

const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

/** Debian's docker-registry over `root`; with `accessLog` it writes a line per request there, which costs it time. */
export async function startRegistry(root: string, scratch: string, accessLog?: string): Promise<Server> {
  const port = await freePort()
  const config = join(scratch, `registry-${port}.yml`)
  writeFileSync(config, [
    'version: 0.1', `log: { level: error, accesslog: { disabled: ${accessLog === undefined} } }`,
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(root)}, maxthreads: 512 }, cache: { blobdescriptor: inmemory }, delete: { enabled: true }, maintenance: { uploadpurging: { enabled: false } } }`,
    `http: { addr: "127.0.0.1:${port}", secret: bench }`, '',
  ].join('\n'))
  const out = openSync(accessLog ?? '/dev/null', 'w')
  const errors = openSync(join(scratch, 'registry.stderr'), 'a')
  const server = serve(spawn('docker-registry', ['serve', config], { stdio: ['ignore', out, errors] }), `127.0.0.1:${port}`, () => rmSync(config, { force: true }))
  closeSync(out)
  closeSync(errors)
  for (let tries = 0; ; tries++) {
    try {
      await fetch(`http://127.0.0.1:${port}/v2/`)
      return server
    } catch (error) {
      if (tries === 100) throw new Error('docker-registry does not answer: is the package docker-registry installed?', { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** A process of its own, as its CPU is nobody's under test. */
export async function startProxy(target: string, roundTripMs: number): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'delay-proxy.ts'), target.split(':')[1] ?? '', String(roundTripMs)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string]
  return serve(child, `127.0.0.1:${port}`, () => {})
}

function serve(child: ChildProcess, authority: string, cleanUp: () => void): Server {
  running.add(child)
  const gone = once(child, 'exit')
  return {
    authority,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await gone
      running.delete(child)
      cleanUp()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
