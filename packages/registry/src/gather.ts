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
/** So many times faster must the destination take a part than the source gives it. Gathering then costs a quarter of the time at most. */
const worthwhile = 4
/** Parts that stream before gathering is tried again: so many after the first failure, twice as many after each further one. */
const fewest = 4
const pieceBytes = 256 * 1024

/** Gathers the parts of one upload, one after the other in the same memory. */
export class Gatherer implements Disposable {
  readonly #room: Disposable | undefined = rooms.tryAcquire()
  #memory: Buffer | undefined
  /** Of the part that was gathered last, as long as it is on its way. */
  #last: { readonly readMs: number; readonly filledAt: number } | undefined
  #toStream = 0
  #tries = 0

  /** The next `limit` bytes: gathered, or the outlet itself where that does not pay. `pass` is called between chunks, and may throw. */
  async fill(outlet: Outlet, limit: number, pass: () => void): Promise<Supply> {
    const began = performance.now()
    if (this.#last && (began - this.#last.filledAt) * worthwhile > this.#last.readMs) this.#toStream = fewest * 2 ** this.#tries++
    this.#last = undefined
    if (this.#room === undefined || limit > largestPart || this.#toStream-- > 0) return outlet
    this.#toStream = 0
    const memory = this.#memory ??= Buffer.allocUnsafeSlow(largestPart)
    let length = 0
    for await (const chunk of outlet.take(limit, () => {})) {
      memory.set(chunk, length)
      length += chunk.byteLength
      pass()
    }
    const filledAt = performance.now()
    this.#last = { readMs: filledAt - began, filledAt }
    return supplyOf(memory.subarray(0, length))
  }

  [Symbol.dispose](): void {
    this.#memory = undefined
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
