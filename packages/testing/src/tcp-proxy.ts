import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** How many connections were made through it so far. */
  readonly connections: number
  /** Cuts all connections; new ones are taken. */
  cut(): void
  /** Cuts in the midst of the next answer that is longer than so many bytes, having passed on that much. */
  cutAnswerAfter(bytes: number): void
}

/** Between a client and a server on this machine: passes everything on until it is told to cut. */
export async function startTcpProxy(to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let connections = 0
  let limit: number | undefined
  const server = createServer((client) => {
    connections++
    const upstream = connect(to, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => { /* the other side hears of it by the close */ })
      socket.on('close', () => { sockets.delete(socket); client.destroy(); upstream.destroy() })
    }
    client.pipe(upstream)
    upstream.on('data', (data) => {
      if (limit === undefined || data.length <= limit) { client.write(data); return }
      client.end(data.subarray(0, limit))
      limit = undefined
      upstream.destroy()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const cut = (): void => { for (const socket of sockets) socket.destroy() }
  return {
    port: (server.address() as AddressInfo).port,
    get connections() { return connections },
    cut,
    cutAnswerAfter(bytes) { limit = bytes },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => { server.close(resolve) })
      cut()
      await closed
    },
  }
}
