/** The first bytes of content, and all of it with them. */
export async function peek(content: AsyncIterable<Uint8Array>, count: number): Promise<{ readonly head: Uint8Array; readonly all: AsyncGenerator<Uint8Array> }> {
  const chunks = content[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.byteLength < count) {
    const { done, value } = await chunks.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  return { head, all: again() }

  async function* again(): AsyncGenerator<Uint8Array> {
    try {
      if (head.byteLength > 0) yield head
      for (;;) {
        const { done, value } = await chunks.next()
        if (done === true) return
        yield value
      }
    } finally {
      await chunks.return?.()
    }
  }
}
