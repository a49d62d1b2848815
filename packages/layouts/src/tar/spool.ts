import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayoutError } from '../errors.ts'

/** Big temporary files belong on a disk: `/tmp` is often memory. Where TMPDIR says otherwise, it is followed. */
export function defaultTmpdir(): string {
  const named = tmpdir()
  return named === '/tmp' ? '/var/tmp' : named
}

/** A temporary file that has no name any more: it is gone when it is closed, even by `kill -9`. */
export async function openSpool(folder: string): Promise<FileHandle> {
  const path = join(folder, `longshore-${randomUUID()}`)
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'wx+', 0o600)
    await unlink(path)
    return handle
  } catch (error) {
    await handle?.close()
    throw new LayoutError('LAYOUT_REFUSED', `no temporary file can be made in ${folder} (${(error as Error).message}): name another folder with --tmpdir`, error)
  }
}

/** More than any honest archive holds that is not large itself. */
const unpackedFloor = 16 * 1024 ** 3
/** Programs compress 3 times, text 10 times, gzip at most 1032 times. */
const unpackedRatio = 100

/** How many bytes content of this compressed size may unpack to. */
export function unpackLimit(compressedBytes: number, option: number | undefined): number {
  return option ?? Math.max(unpackedFloor, compressedBytes * unpackedRatio)
}

/** Passes content on; @throws LayoutError ARCHIVE_HOSTILE once it is more than `limit` bytes */
export async function* atMost(content: AsyncIterable<Uint8Array>, limit: number, what: string): AsyncGenerator<Uint8Array> {
  let total = 0
  for await (const chunk of content) {
    total += chunk.byteLength
    if (total > limit) throw new LayoutError('ARCHIVE_HOSTILE', `${what} unpacks to more than ${limit} bytes, which is out of all proportion`)
    yield chunk
  }
}

/** Writes content from byte `position` on. @returns how many bytes it was */
export async function writeContent(handle: FileHandle, content: AsyncIterable<Uint8Array>, position: number, signal: AbortSignal): Promise<number> {
  let at = position
  for await (const chunk of content) {
    signal.throwIfAborted()
    await writeAll(handle, chunk, at)
    at += chunk.byteLength
  }
  return at - position
}

export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done)
    done += bytesWritten
  }
}

const readBytes = 256 * 1024

/** Bytes `from` to `to` of a file, by positioned reads: any number of readers share one handle. */
export async function* readRange(handle: FileHandle, from: number, to: number, what: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to;) {
    signal?.throwIfAborted()
    const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, to - at))
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at)
    if (bytesRead === 0) throw new LayoutError('LAYOUT_INVALID', `${what} has become shorter while it was read`)
    at += bytesRead
    yield bytesRead === buffer.byteLength ? buffer : buffer.subarray(0, bytesRead)
  }
}

/** What is left of content behind its first bytes. */
export async function* skipBytes(content: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const chunk of content) {
    if (left < chunk.byteLength) yield left === 0 ? chunk : chunk.subarray(left)
    left = Math.max(0, left - chunk.byteLength)
  }
}
