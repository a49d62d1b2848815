// Stands between a client and a registry, and lets every byte arrive a fixed time later: a round trip without a limit on bandwidth.
// Every chunk waits equally long, so one queue in order of arrival serves all connections, and one timer wakes it.
//
//   node delay-proxy.ts TARGET_PORT ROUND_TRIP_MS      prints the port it listens on
import { connect, createServer, type Socket } from 'node:net'

const [targetPort = '', roundTrip = '0'] = process.argv.slice(2)
const roundTripMs = Number(roundTrip)
const oneWayMs = roundTripMs / 2
// What one connection may have under way in one direction: 16 MiB in 20 ms are 800 MB/s.
const highBytes = 16 << 20

interface Link { readonly from: Socket; readonly to: Socket; bytes: number }
interface Parcel { readonly due: number; readonly link: Link; readonly chunk: Buffer | undefined }

let queue: Parcel[] = []
let at = 0
let timer: NodeJS.Timeout | undefined

function deliver(): void {
  timer = undefined
  // Timers count in milliseconds: half of one early and half late is right on average.
  const now = performance.now() + 0.5
  for (; at < queue.length && queue[at]!.due <= now; at++) {
    const { link, chunk } = queue[at]!
    if (chunk === undefined) link.to.end()
    else if (!link.to.destroyed) link.to.write(chunk, () => settle(link, chunk.length))
  }
  if (at > 1024 || at === queue.length) {
    queue = queue.slice(at)
    at = 0
  }
  const next = queue[at]
  if (next) timer = setTimeout(deliver, Math.max(0, next.due - performance.now()))
}

function settle(link: Link, bytes: number): void {
  link.bytes -= bytes
  if (link.bytes < highBytes / 2 && link.from.isPaused()) link.from.resume()
}

function post(link: Link, chunk: Buffer | undefined): void {
  link.bytes += chunk?.length ?? 0
  if (link.bytes > highBytes) link.from.pause()
  queue.push({ due: performance.now() + oneWayMs, link, chunk })
  timer ??= setTimeout(deliver, oneWayMs)
}

function join(from: Socket, to: Socket): void {
  const link: Link = { from, to, bytes: 0 }
  from.on('data', (chunk: Buffer) => post(link, chunk))
  from.on('end', () => post(link, undefined))
  from.on('error', () => to.destroy())
  from.on('close', (failed) => { if (failed) to.destroy() })
}

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
  const registry = connect({ port: Number(targetPort), host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  join(registry, client)
  client.on('error', () => registry.destroy())
  // The kernel has accepted already; from afar that takes a round trip, and nothing is sent before.
  setTimeout(() => {
    join(client, registry)
    client.resume()
  }, roundTripMs)
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
