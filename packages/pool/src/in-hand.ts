// What a worker has in hand, and how much more it may take: what it holds, others, with links of their own, cannot do.
import type { Lease, PlanNode, Take } from '@longshore/transfer'
import { Throughput } from './throughput.ts'

export interface HandLimits {
  /** Nodes that are taken along, rather than left to the queues; and the bytes of the blobs among them, more where the link is fast (throughput.ts). */
  readonly nodes: number
  readonly bytes: number
  /** Jobs of blobs that run at once; of blobs that fill the link, fewer. */
  readonly blobs: number
}

/** Blobs that are taken in any case: one connection seldom fills a link. */
const fewestBlobs = 4

export class InHand {
  readonly #worker: string
  readonly #limits: HandLimits
  readonly #allow: (blobs: number) => void
  readonly #throughput = new Throughput()
  readonly #counts = { images: 0, blobs: 0, manifests: 0 }
  /** Of the blobs. */
  #bytes = 0
  /** Promised to what was asked and not answered yet. */
  readonly #promised = { nodes: 0, bytes: 0 }
  #isClosed = false

  /** @param allow is told how many jobs of blobs may run */
  constructor(worker: string, limits: HandLimits, allow: (blobs: number) => void) {
    this.#worker = worker
    this.#limits = limits
    this.#allow = allow
  }

  get counts(): Readonly<Record<'images' | 'blobs' | 'manifests', number>> { return { ...this.#counts } }

  /** Images are being resolved: so many more, or fewer. */
  resolving(by: number): void { this.#counts.images += by }

  /** Until what is returned is disposed of. */
  take({ node }: Lease): Disposable {
    const kind = node.kind === 'blob' ? 'blobs' : 'manifests'
    const bytes = bytesOf(node)
    const change = (by: 1 | -1): void => {
      this.#counts[kind] += by
      this.#bytes += by * bytes
      this.#allow(this.#throughput.isFilledBy(this.#bytes, this.#limits.bytes) ? Math.min(this.#limits.blobs, fewestBlobs) : this.#limits.blobs)
    }
    change(1)
    return { [Symbol.dispose]: () => change(-1) }
  }

  /** The worker ends: nothing is taken along any more. */
  close(): void { this.#isClosed = true }

  moved({ node }: Lease): void { this.#throughput.moved(bytesOf(node)) }

  /** What more may be taken along. @param leaving what has just come true */
  room(leaving?: Lease): Take {
    const { nodes, bytes } = this.#limits
    if (this.#isClosed) return { worker: this.#worker, nodes: 0, bytes: 0 }
    return {
      worker: this.#worker, nodes: Math.max(0, nodes - this.#counts.blobs - this.#counts.manifests - this.#promised.nodes),
      bytes: Math.max(0, this.#throughput.along(bytes) - this.#bytes - this.#promised.bytes + (leaving ? bytesOf(leaving.node) : 0)),
    }
  }

  /** What of these may be taken along. Nobody else is promised it until that is disposed of: a hundred images may be registered at once. */
  promise(brought: readonly PlanNode[]): Take & Disposable {
    const room = this.room()
    const nodes = Math.min(room.nodes, brought.length)
    const bytes = Math.min(room.bytes, brought.reduce((sum, node) => sum + bytesOf(node), 0))
    const change = (by: 1 | -1): void => {
      this.#promised.nodes += by * nodes
      this.#promised.bytes += by * bytes
    }
    change(1)
    return { worker: room.worker, nodes, bytes, [Symbol.dispose]: () => change(-1) }
  }
}

function bytesOf(node: PlanNode): number { return node.kind === 'blob' ? Math.max(0, node.desc.size) : 0 }
