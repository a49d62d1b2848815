import { type Header, pack } from 'tar-stream'

/** In bytes. A tar file consists of these. */
export const blockBytes = 512

export function padded(size: number): number { return Math.ceil(size / blockBytes) * blockBytes }

/** The blocks that stand before a file's content, or are a link: one, or three and more where the name is long (pax). */
export async function tarHeader(header: Pick<Header, 'name' | 'type' | 'mode'> & Partial<Pick<Header, 'size' | 'linkname'>>): Promise<Buffer> {
  const tar = pack()
  // Its content never comes: it is written where there is room for it.
  tar.entry({ ...header, mtime: new Date(0) }).on('error', () => undefined)
  let blocks = Buffer.alloc(0)
  for await (const chunk of tar) {
    blocks = Buffer.concat([blocks, chunk as Buffer])
    if (blocks.byteLength >= lengthOf(blocks)) break
  }
  return blocks
}

function lengthOf(blocks: Buffer): number {
  if (blocks[156] !== 'x'.charCodeAt(0)) return blockBytes
  const pax = Number.parseInt(blocks.toString('latin1', 124, 136), 8)
  return blockBytes + padded(pax) + blockBytes
}
