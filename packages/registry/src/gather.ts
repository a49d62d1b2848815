// Docker's registry 2.8 and its kin give a session up when a request in it breaks off: what is lost with a process that dies is
// the part on its way, if there is one. So a part is gathered before it is sent, where the source is much slower than the
// destination: the registry then waits between requests most of the time, and a death there loses nothing (docs/adr/0008).
import { Limiter } from '@longshore/concurrency'
import { largestPart } from './capabilities.ts'
import type { Outlet } from './outlet.ts'

/** What a request's body is taken from. */
export type Supply = Pick<Outlet, 'take' | 'pulling'>

/** A part's memory each, for all uploads of this process; those that find no room stream. */
const rooms = new Limiter(4)
/** So many times faster must the destination take parts than the source gives them: gathering costs a third more time at most. */
const worthwhile = 3
/** How much of what is known goes by the parts before the last one: one slow answer is no rule. */
const memory = 0.5
/** Parts that stream before gathering is tried again: so many after the first failure, twice as many after each further one. */
const fewest = 4
const pieceBytes = 256 * 1024

/** Gathers the parts of one upload, one after the other in the same memory. */
export class Gatherer implements Disposable {
  readonly #room: Disposable | undefined = rooms.tryAcquire()
  #bytes: Buffer | undefined
  /** What the last parts took to be read, and to be sent, weighted by age. */
  #readMs = 0
  #sentMs = 0
  /** When the part that is on its way began to be sent. */
  #sendingAt: number | undefined
  #toStream = 0
  #tries = 0

  /** The next `limit` bytes: gathered, or the outlet itself where that does not pay. `pass` is called between chunks, and may throw. */
  async fill(outlet: Outlet, limit: number, pass: () => void): Promise<Supply> {
    const began = performance.now()
    if (this.#sendingAt !== undefined) this.#learn(began - this.#sendingAt)
    if (this.#room === undefined || limit > largestPart || this.#toStream > 0) {
      this.#toStream--
      return outlet
    }
    const bytes = this.#bytes ??= Buffer.allocUnsafeSlow(largestPart)
    let length = 0
    for await (const chunk of outlet.take(limit, () => {})) {
      bytes.set(chunk, length)
      length += chunk.byteLength
      pass()
    }
    this.#sendingAt = performance.now()
    this.#readMs = this.#readMs * memory + this.#sendingAt - began
    return supplyOf(bytes.subarray(0, length))
  }

  /** The last part that was gathered took so long to be sent. */
  #learn(ms: number): void {
    this.#sendingAt = undefined
    this.#sentMs = this.#sentMs * memory + ms
    if (this.#sentMs * worthwhile <= this.#readMs) return
    this.#toStream = fewest * 2 ** this.#tries++
    this.#readMs = this.#sentMs = 0
  }

  [Symbol.dispose](): void {
    this.#bytes = undefined
    this.#room?.[Symbol.dispose]()
  }
}

function supplyOf(bytes: Buffer): Supply {
  return {
    pulling: false,
    async* take(limit, onSent) {
      for (let at = 0; at < Math.min(limit, bytes.byteLength); at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes)
        onSent(piece.byteLength)
        yield piece
      }
    },
  }
}
