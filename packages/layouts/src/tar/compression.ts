import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { zstdFrames } from '@longshore/oci'
import { LayoutError } from '../errors.ts'

export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz'

const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]
/** As many bytes of the beginning as tell what something is compressed with. */
export const magicBytes = 6

/** `undefined` for what is not compressed, or with something unknown. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  return magics.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0]
}

/**
 * @param what names the content in errors
 * @throws LayoutError LAYOUT_INVALID where the content is damaged or ends too early, LAYOUT_REFUSED where a command is missing
 */
export async function* decompress(content: AsyncIterable<Uint8Array>, compression: Compression, what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted()
  try {
    switch (compression) {
      case 'gzip': return yield* through(content, createGunzip(), signal)
      case 'zstd': return yield* through(zstdFrames(content), createZstdDecompress(), signal)
      case 'bzip2': return yield* byCommand(content, ['bzip2', '-dc'], what, signal)
      // A header may ask for 4 GiB of dictionary; `xz -9` needs 65 MiB.
      case 'xz': return yield* byCommand(content, ['xz', '-dc', '--memlimit-decompress=1GiB'], what, signal)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // zlib's errors have a number; all others are somebody else's.
    if (!(error instanceof Error && 'errno' in error && 'code' in error && /^(?:Z_|ZSTD_|ERR_ZSTD)/.test(String(error.code)))) throw error
    throw new LayoutError('LAYOUT_INVALID', `${what} is damaged: as ${compression} it cannot be read (${error.message})`, error)
  }
}

async function* through(content: AsyncIterable<Uint8Array>, transform: ReturnType<typeof createGunzip>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = Readable.from(content, { objectMode: false })
  const fed = pipeline(source, transform, { signal })
  // What goes wrong is thrown by the loop.
  fed.catch(() => undefined)
  try {
    for await (const chunk of transform) yield chunk as Uint8Array
    await fed
  } finally {
    source.destroy()
    transform.destroy()
  }
}

async function* byCommand(content: AsyncIterable<Uint8Array>, [command, ...args]: readonly [string, ...string[]], what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text: Buffer) => { if (complaint.length < 500) complaint += text.toString() })
  const ended = once(child, 'close')
  ended.catch(() => undefined)
  const source = Readable.from(content, { objectMode: false })
  const fed = pipeline(source, child.stdin, { signal })
  fed.catch(() => undefined)
  const stop = (): void => { child.kill() }
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array
    const [code] = await ended.catch((error: unknown): never => {
      throw new LayoutError('LAYOUT_REFUSED', `${what} is compressed with ${command}, and the command ${command} cannot be run here: install it, or decompress the file first`, error)
    })
    signal.throwIfAborted()
    // Where the content itself could not be read, the command only saw its end.
    await fed.catch((error: unknown) => { if (!isBrokenPipe(error)) throw error })
    if (code !== 0) throw new LayoutError('LAYOUT_INVALID', `${what} is damaged: ${command} says ${JSON.stringify(complaint.trim())}`)
  } finally {
    signal.removeEventListener('abort', stop)
    source.destroy()
    child.kill()
  }
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
}
