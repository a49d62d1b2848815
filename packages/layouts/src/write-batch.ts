// Bytes on their way into files, gathered: a write is a trip to another thread whatever its size, and a socket gives 64 KiB at a time. For 1.6 GB from a
// loopback registry a sixth less CPU (test/bench/results/2026-11-26-storage.md).
import type { FileHandle } from 'node:fs/promises'

/** Bytes of one batch: beyond this nothing is gained. */
const mostBytes = 1024 * 1024
/** Bytes of all batches of one place, shared by those that write at the same time. */
const budgetBytes = 32 * 1024 * 1024
/** Content may come in crumbs. */
const mostChunks = 256

/** How much each of the writers to one place may hold. */
export class WriteBudget {
  #writers = 0

  get batchBytes(): number { return Math.min(mostBytes, budgetBytes / this.#writers) }

  /** Until it is disposed of. */
  enter(): Disposable {
    this.#writers++
    return { [Symbol.dispose]: () => { this.#writers-- } }
  }
}

/** Writes chunks to a file one behind the other. They must not change until `flush`. */
export class WriteBatch {
  readonly #handle: FileHandle
  readonly #budget: WriteBudget
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(handle: FileHandle, budget: WriteBudget) {
    this.#handle = handle
    this.#budget = budget
  }

  /** @returns how many bytes it has written; mostly none */
  async add(chunk: Uint8Array): Promise<number> {
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    return this.#bytes >= this.#budget.batchBytes || this.#chunks.length >= mostChunks ? await this.flush() : 0
  }

  /** @returns how many bytes it has written */
  async flush(): Promise<number> {
    const [chunks, bytes] = [this.#chunks, this.#bytes]
    this.#chunks = []
    this.#bytes = 0
    if (bytes === 0) return 0
    const { bytesWritten } = await this.#handle.writev(chunks)
    // A disk that is full, or a signal, ends a write early: what is left says why.
    if (bytesWritten < bytes) await writeRest(this.#handle, Buffer.concat(chunks).subarray(bytesWritten))
    return bytes
  }
}

async function writeRest(handle: FileHandle, rest: Uint8Array): Promise<void> {
  for (let at = 0; at < rest.byteLength;) at += (await handle.write(rest, at)).bytesWritten
}
