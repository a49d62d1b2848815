// Node's decompressor stops at the end of a frame and forgets the rest of the chunk it was given; layers have many frames (zstd:chunked has
// one a file). So chunks are cut where frames end. RFC 8878, sections 3.1.1 and 3.1.2; seen with Node 24.21.

/** Passes the bytes on, no chunk of which has bytes of two frames. What is no zstd is passed on as it is: the decompressor says so. */
export async function* cutAtFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new FrameWalk()
  for await (const chunk of chunks) {
    let from = 0
    for (let to = frames.next(chunk, 0); from < chunk.byteLength; to = frames.next(chunk, from)) {
      yield from === 0 && to === chunk.byteLength ? chunk : chunk.subarray(from, to)
      from = to
    }
  }
}

type Part = 'magic' | 'header' | 'rest of header' | 'block header' | 'block' | 'checksum' | 'skippable size' | 'skippable' | 'unknown'

/** Where in a frame the bytes are that have passed. */
class FrameWalk {
  #part: Part = 'magic'
  /** Bytes of this part that are still to come. */
  #left = 4
  #value = 0n
  #read = 0
  #hasChecksum = false
  #isLast = false

  /** The end of the frame that the byte at `from` is in, or that of the chunk. */
  next(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.byteLength;) {
      if (this.#part === 'unknown') return chunk.byteLength
      if (this.#part === 'block' || this.#part === 'skippable' || this.#part === 'checksum' || this.#part === 'rest of header') {
        const taken = Math.min(this.#left, chunk.byteLength - at)
        this.#left -= taken
        at += taken
      } else {
        this.#value |= BigInt(chunk[at++] ?? 0) << BigInt(8 * this.#read++)
        this.#left--
      }
      // A part of no length ends as it begins.
      while (this.#left === 0) if (this.#turn()) return at
    }
    return chunk.byteLength
  }

  /** The part is complete. @returns whether the frame is */
  #turn(): boolean {
    const value = Number(this.#value)
    switch (this.#part) {
      case 'magic':
        if (value === 0xfd2fb528) return this.#enter('header', 1)
        return value >= 0x184d2a50 && value <= 0x184d2a5f ? this.#enter('skippable size', 4) : this.#enter('unknown', Infinity)
      case 'header': {
        const singleSegment = (value & 0x20) !== 0
        this.#hasChecksum = (value & 0x04) !== 0
        const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][value >> 6] ?? 0
        return this.#enter('rest of header', (singleSegment ? 0 : 1) + ([0, 1, 2, 4][value & 3] ?? 0) + contentSize)
      }
      case 'rest of header': return this.#enter('block header', 3)
      case 'block header': {
        this.#isLast = (value & 1) === 1
        // A block of one byte repeated (RLE) has that byte only.
        return this.#enter('block', ((value >> 1) & 3) === 1 ? 1 : value >> 3)
      }
      case 'block': return this.#isLast ? this.#hasChecksum ? this.#enter('checksum', 4) : this.#end() : this.#enter('block header', 3)
      case 'skippable size': return this.#enter('skippable', value)
      case 'checksum':
      case 'skippable': return this.#end()
      case 'unknown': return false
    }
  }

  #enter(part: Part, length: number): false {
    this.#part = part
    this.#left = length
    this.#value = 0n
    this.#read = 0
    return false
  }
  #end(): true {
    this.#enter('magic', 4)
    return true
  }
}
