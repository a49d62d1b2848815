import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** How many connections were made through it so far. */
  readonly connections: number
  /** Cuts all connections; new ones are taken. */
  cut(): void
  /** Cuts all connections, and takes no new ones until `accept`: as a server that is not there. */
  refuse(): Promise<void>
  accept(): Promise<void>
  /** Bytes that clients sent, and that were passed on to them, so far. */
  readonly bytesUp: number
  readonly bytesDown: number
  /** Cuts in the midst of the next answer that is longer than so many bytes, having passed on that much. */
  cutAnswerAfter(bytes: number): void
}

/** Between a client and a server on this machine: passes everything on until it is told to cut. */
export async function startTcpProxy(to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let connections = 0
  let limit: number | undefined
  let bytesUp = 0
  let bytesDown = 0
  const server = createServer((client) => {
    connections++
    const upstream = connect(to, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => { /* the other side hears of it by the close */ })
      socket.on('close', () => { sockets.delete(socket); client.destroy(); upstream.destroy() })
    }
    client.on('data', (data) => { bytesUp += data.length })
    client.pipe(upstream)
    upstream.on('data', (data) => {
      bytesDown += data.length
      if (limit === undefined || data.length <= limit) {
        if (client.write(data)) return
        upstream.pause()
        client.once('drain', () => upstream.resume())
        return
      }
      client.end(data.subarray(0, limit))
      limit = undefined
      upstream.destroy()
    })
  })
  const listen = async (port: number): Promise<void> => await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve) })
  await listen(0)
  const { port } = server.address() as AddressInfo
  const cut = (): void => { for (const socket of sockets) socket.destroy() }
  return {
    port, cut,
    get connections() { return connections },
    get bytesUp() { return bytesUp },
    get bytesDown() { return bytesDown },
    async refuse() {
      const closed = new Promise((resolve) => { server.close(resolve) })
      cut()
      await closed
    },
    accept: () => listen(port),
    cutAnswerAfter(bytes) { limit = bytes },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => { server.close(resolve) })
      cut()
      await closed
    },
  }
}
