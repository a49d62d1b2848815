// Node's zstd decoder (24.21) loses what follows the end of a frame within one write, without a word; layers of several frames are
// common (zstd:chunked, `zstd -T0 --adapt`, pzstd). So a write ends where a frame ends. RFC 8878, section 3.1.

const magic = 0xfd2fb528
/** 0x184D2A50 to 0x184D2A5F: a frame to be skipped. */
const skippable = 0x184d2a5
const dictionaryBytes = [0, 1, 2, 4] as const

type Field = 'magic' | 'skippable' | 'descriptor' | 'block'
const widths: Readonly<Record<Field, number>> = { magic: 4, skippable: 4, descriptor: 1, block: 3 }

/** The same bytes, cut so that no chunk holds the end of one frame and the beginning of the next. */
export async function* zstdFrames(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const walk = new FrameWalk()
  for await (const chunk of content) {
    let start = 0
    while (start < chunk.byteLength) {
      const end = walk.advance(chunk, start)
      yield chunk.subarray(start, end)
      start = end
    }
  }
}

class FrameWalk {
  #field: Field = 'magic'
  #value = 0
  #have = 0
  /** Bytes that are not looked at. */
  #skip = 0
  /** The frame ends behind them. */
  #last = false
  #checksum = false

  /** @returns where the frame ends in `chunk`, or its length */
  advance(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.byteLength) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.byteLength - at)
        at += step
        this.#skip -= step
      } else {
        // Little-endian, and without `<<`, which has 32 bits and a sign.
        this.#value += (chunk[at] ?? 0) * 2 ** (8 * this.#have)
        at++
        if (++this.#have === widths[this.#field]) this.#take(this.#value)
      }
      if (this.#skip === 0 && this.#last) {
        this.#last = false
        return at
      }
    }
    return at
  }

  #take(value: number): void {
    this.#value = 0
    this.#have = 0
    switch (this.#field) {
      case 'magic':
        if (value === magic) this.#field = 'descriptor'
        else if (Math.floor(value / 16) === skippable) this.#field = 'skippable'
        // No frame: the decoder says so.
        else this.#skip = Infinity
        return
      case 'skippable':
        this.#end(value)
        return
      case 'descriptor': {
        const single = (value & 0x20) !== 0
        const size = value >> 6 === 0 ? Number(single) : 2 ** (value >> 6)
        this.#checksum = (value & 4) !== 0
        this.#skip = (single ? 0 : 1) + (dictionaryBytes[value & 3] ?? 0) + size
        this.#field = 'block'
        return
      }
      case 'block': {
        // A run (type 1) is one byte, however long.
        const size = (value >> 1 & 3) === 1 ? 1 : value >> 3
        if ((value & 1) === 0) this.#skip = size
        else this.#end(size + (this.#checksum ? 4 : 0))
      }
    }
  }

  #end(skip: number): void {
    this.#skip = skip
    this.#last = true
    this.#field = 'magic'
  }
}
