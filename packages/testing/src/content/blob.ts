// Blobs that are generated when they are read: a layer of any size costs no memory until somebody keeps it.
import { createHash } from 'node:crypto'
import { type Digest, digestOf } from '@longshore/oci'
import { Random } from './random.ts'

export interface SyntheticBlob {
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
  /** The content, from its beginning, anew at each call. */
  chunks(): Iterable<Uint8Array>
}

const chunkBytes = 256 * 1024

// gzip's magic, deflate, no flags: skopeo looks at these bytes, and would compress (and so change) what is not compressed.
const gzipHeader = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]

/** Incompressible bytes behind a gzip header; `size` in bytes. The same seed and size give the same layer. */
export function layer({ seed, size }: { readonly seed: number | string; readonly size: number }): SyntheticBlob {
  const hash = createHash('sha256')
  for (const chunk of generate(seed, size)) hash.update(chunk)
  return { digest: `sha256:${hash.digest('hex')}` as Digest, size, chunks: () => generate(seed, size) }
}

/** A blob of these bytes. */
export function blobOf(bytes: Uint8Array): SyntheticBlob {
  return { digest: digestOf(bytes), size: bytes.byteLength, chunks: () => [bytes] }
}

export function bytesOf(blob: SyntheticBlob): Uint8Array {
  const chunks = [...blob.chunks()]
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

function* generate(seed: number | string, size: number): Generator<Uint8Array> {
  const random = new Random(`${seed}/${size}`)
  for (let at = 0; at < size; at += chunkBytes) {
    const length = Math.min(chunkBytes, size - at)
    const words = new Uint32Array(Math.ceil(length / 4))
    random.words(words)
    const bytes = new Uint8Array(words.buffer, 0, length)
    if (at === 0) bytes.set(gzipHeader.slice(0, length))
    yield bytes
  }
}
