// One worker's link: everything that it sends and receives goes through here, at so many bytes a second each way. It is given to the
// worker as HTTP_PROXY; servers take the absolute addresses that a proxy is asked for, so bytes pass as they are.
//
//   node link-proxy.ts BYTES_PER_SECOND      prints the port it listens on
import { connect, createServer, type Socket } from 'node:net'

const bytesPerSecond = Number(process.argv[2])
const stepMs = 10
/** What a link holds back for bytes that come late: a tenth of a second's worth. */
const burst = bytesPerSecond / 10

/** One direction of the link. Connections take turns at it. */
class Lane {
  #room = burst
  #waiting: Array<() => void> = []

  constructor() {
    setInterval(() => {
      this.#room = Math.min(burst, this.#room + bytesPerSecond * stepMs / 1000)
      while (this.#room > 0) {
        const next = this.#waiting.shift()
        if (!next) return
        next()
      }
    }, stepMs)
  }

  carry(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      this.#room -= chunk.length
      if (!to.write(chunk) || this.#room < 0) {
        from.pause()
        this.#waiting.push(() => { if (to.writableNeedDrain) to.once('drain', () => from.resume()); else from.resume() })
      }
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}

const up = new Lane()
const down = new Lane()
const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  client.on('error', () => {})
  client.once('data', (first: Buffer) => {
    client.pause()
    const [, host = '', port = '80'] = /^[A-Z]+ http:\/\/([^/:]+)(?::(\d+))?/.exec(first.toString('latin1', 0, 512)) ?? []
    const registry = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true })
    registry.on('error', () => client.destroy())
    registry.once('connect', () => {
      registry.write(first)
      up.carry(client, registry)
      down.carry(registry, client)
      client.resume()
    })
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 512 }, () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
