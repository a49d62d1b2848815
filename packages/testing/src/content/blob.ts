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

/** A plain tar file with one file of `size` incompressible bytes: a layer that its readers may open. */
export function tarLayer({ seed, size }: { readonly seed: number | string; readonly size: number }): SyntheticBlob {
  // The gzip header of what `generate` gives is within the file, where it means nothing.
  const ends = [tarHeader('file', size), Buffer.alloc((512 - size % 512) % 512 + 1024)] as const
  const chunks = function* (): Generator<Uint8Array> { yield ends[0]; yield* generate(seed, size); yield ends[1] }
  const hash = createHash('sha256')
  for (const chunk of chunks()) hash.update(chunk)
  return { digest: `sha256:${hash.digest('hex')}` as Digest, size: 512 + size + ends[1].byteLength, chunks }
}

/** POSIX.1-1988 ustar. */
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512)
  const put = (at: number, text: string): void => { header.write(text, at, 'latin1') }
  const octal = (at: number, value: number, digits: number): void => { put(at, value.toString(8).padStart(digits, '0')) }
  put(0, name)
  for (const [at, value, digits] of [[100, 0o644, 7], [108, 0, 7], [116, 0, 7], [124, size, 11], [136, 0, 11]] as const) octal(at, value, digits)
  // The checksum is taken with spaces in its own place.
  put(148, '        0')
  put(257, 'ustar')
  put(263, '00')
  octal(148, header.reduce((sum, byte) => sum + byte, 0), 6)
  header[154] = 0
  return header
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
