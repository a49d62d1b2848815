import { connect } from 'node:net'
import { installHint } from './docker-registry.ts'
import { freePort, startProcess } from './process.ts'

export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:port`. */
  readonly url: string
  readonly port: number
  readonly pid: number
}

/** A Redis of its own: nothing is kept on disk, `noeviction` as BullMQ demands. @throws Error saying what to install */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']
  const server = await startProcess('redis-server', args, async () => pongs(port)).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; ${installHint}`, { cause: error })
  })
  return { url: `redis://127.0.0.1:${port}`, port, pid: server.pid, async [Symbol.asyncDispose]() { await server.end() } }
}

async function pongs(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().startsWith('+PONG'))
    })
    socket.once('error', () => { resolve(false) })
  })
}
