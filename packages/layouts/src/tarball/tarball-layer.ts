import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { type Digest, MediaType } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { type Compression, compressionOf, decompress, magicBytes } from '../tar/compression.ts'
import { atMost, defaultTmpdir, openSpool, readRange, unpackLimit, writeContent } from '../tar/spool.ts'
import type { TarOptions } from '../tar/tar-file.ts'

/** One file of a `tarball:`; it is a layer as it is. */
export interface TarballLayer {
  readonly what: string
  readonly handle: FileHandle
  readonly digest: Digest
  readonly size: number
  readonly mediaType: string
  readonly diffId: Digest
  /** RFC 3339, with nanoseconds, as Go prints it. */
  readonly modified: string
}

const mediaTypes: Readonly<Partial<Record<Compression | 'none', string>>> = { none: MediaType.ociLayer, gzip: `${MediaType.ociLayer}+gzip`, zstd: `${MediaType.ociLayer}+zstd` }

/**
 * Reads all of a file, to know what it is called.
 * @param path `-` for the standard input
 * @throws LayoutError LAYOUT_MISSING, LAYOUT_INVALID, ARCHIVE_HOSTILE
 */
export async function readLayer(path: string, stdin: AsyncIterable<Uint8Array>, options: TarOptions): Promise<TarballLayer> {
  const what = `tarball:${path}`
  const { signal } = options
  const handle = path === '-' ? await openSpool(options.tmpdir ?? defaultTmpdir()) : await openFile(path, what)
  try {
    if (path === '-') await writeContent(handle, stdin, 0, signal)
    const { size, mtimeNs } = await handle.stat({ bigint: true }).then((stat) => ({ size: Number(stat.size), mtimeNs: stat.mtimeNs }))
    const head = Buffer.concat(await Array.fromAsync(readRange(handle, 0, Math.min(size, 512), what)))
    const compression = compressionOf(head.subarray(0, magicBytes))
    const mediaType = mediaTypes[compression ?? 'none']
    if (mediaType === undefined) throw new LayoutError('LAYOUT_INVALID', `${what} is compressed with ${compression}, which no layer of an image may be: decompress it first`)
    if (compression === undefined && !isTarHeader(head)) throw new LayoutError('LAYOUT_INVALID', `${what} is no tar file`)
    const hash = createHash('sha256')
    let read = 0
    const content = readHashing()
    const plain = createHash('sha256')
    const all = compression === undefined ? content : atMost(decompress(content, compression, what, signal), unpackLimit(size, options.maxUnpackedBytes), what)
    for await (const chunk of all) if (compression !== undefined) plain.update(chunk)
    if (read !== size) throw new LayoutError('LAYOUT_INVALID', `${what}: ${size - read} bytes stand behind the end of what is compressed`)
    const digest = `sha256:${hash.digest('hex')}` as Digest
    return { what, handle, digest, size, mediaType, diffId: compression === undefined ? digest : `sha256:${plain.digest('hex')}` as Digest, modified: goTime(mtimeNs) }

    async function* readHashing(): AsyncGenerator<Uint8Array> {
      for await (const chunk of readRange(handle, 0, size, what, signal)) {
        hash.update(chunk)
        read += chunk.byteLength
        yield chunk
      }
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r')
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
    throw new LayoutError('LAYOUT_INVALID', `${what} is no file; the standard input is tarball:-`)
  } catch (error) {
    if (error instanceof LayoutError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new LayoutError(missing ? 'LAYOUT_MISSING' : 'LAYOUT_INVALID', missing ? `${what}: there is no such file` : `${what} cannot be read (${(error as Error).message})`, error)
  }
}

/** The sum of a header's bytes stands in it (POSIX pax, "ustar Interchange Format"); zeros are an archive without entries. */
function isTarHeader(block: Uint8Array): boolean {
  if (block.byteLength < 512) return false
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  return sum === 256 || sum === Number.parseInt(Buffer.from(block.subarray(148, 156)).toString('latin1').trim(), 8)
}

function goTime(nanoseconds: bigint): string {
  const second = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, '0').replace(/0+$/, '')
  return `${second}${fraction === '' ? '' : `.${fraction}`}Z`
}
