import { PassThrough, type Transform } from 'node:stream'
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { zstdFrames } from '@longshore/oci'
import type { Compress } from './changes.ts'
import type { Compression } from './media-types.ts'

/** How many bytes `compressionOf` wants to see. */
export const magicBytes = 6

/** What the first bytes say, whatever the media type says: archives and engines call plain layers gzipped. */
export function compressionOf(head: Uint8Array): Compression | 'bzip2' | 'xz' {
  const starts = (...magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte)
  if (starts(0x1f, 0x8b)) return 'gzip'
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2'
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz'
  return 'plain'
}

type Bytes = AsyncIterable<Uint8Array>

/** The steps from one compression to another; gzip has no time and no name in it, so that the same bytes come out again and again. */
export function recompression(from: Compression, to: Compression, level: Compress['level']): { readonly cut: (bytes: Bytes) => Bytes; readonly decompress: Transform; readonly compress: Transform } {
  const cut = (bytes: Bytes): Bytes => (from === 'zstd' ? zstdFrames(bytes) : bytes)
  const decompress = from === 'gzip' ? createGunzip() : from === 'zstd' ? createZstdDecompress() : new PassThrough()
  switch (to) {
    case 'plain': return { cut, decompress, compress: new PassThrough() }
    case 'gzip': return { cut, decompress, compress: createGzip(level === undefined ? {} : { level }) }
    case 'zstd': return { cut, decompress, compress: createZstdCompress(level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }) }
  }
}
