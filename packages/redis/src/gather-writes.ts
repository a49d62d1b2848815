// One system call for all commands that a turn of the event loop brings, where ioredis makes one for each: a worker sends three or four in a
// turn. ioredis' own `enableAutoPipelining` gathers them into pipelines, which answer as a whole, and fail in other ways when a connection breaks.
import type { Duplex } from 'node:stream'
import type { Cluster, Redis } from 'ioredis'

/** From its next connect on. */
export function gatherWrites(client: Redis | Cluster): void {
  if (client.isCluster) client.on('+node', (node: Redis) => { gatherWrites(node) })
  else client.on('connect', () => { gather((client as Redis).stream) })
}

function gather(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean
  let isGathering = false
  const send = (): void => {
    isGathering = false
    stream.uncork()
  }
  stream.write = (...args: readonly unknown[]): boolean => {
    if (!isGathering) {
      isGathering = true
      stream.cork()
      setImmediate(send)
    }
    return write(...args)
  }
}
