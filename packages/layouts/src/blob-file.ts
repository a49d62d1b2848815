// One blob, one file: read from any byte, written beside its place and renamed, linked where the bytes are on this file system already.
import { constants } from 'node:fs'
import { copyFile, link, open, rm, stat } from 'node:fs/promises'
import { type Descriptor, SizeMismatchError } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions } from '@longshore/transfer'
import { fileFailure } from './problem.ts'
import type { PlainFile, Tree } from './tree.ts'
import { WriteBatch } from './write-batch.ts'

/** Bytes per read: few calls, and little memory for each blob on its way. */
const chunkBytes = 256 * 1024

/** The file's bytes from `offset` on. `file` is its path: who has the same file system may link it. */
export async function readBlobFile(tree: Tree, file: PlainFile, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content> {
  signal.throwIfAborted()
  const handle = await tree.open(file)
  return {
    file: file.path,
    async *[Symbol.asyncIterator]() {
      let at = offset
      while (true) {
        signal.throwIfAborted()
        const chunk = Buffer.allocUnsafe(chunkBytes)
        const { bytesRead } = await handle.read(chunk, 0, chunkBytes, at).catch((error: unknown) => { throw fileFailure(tree.place, `reading ${file.path}`, error) })
        if (bytesRead === 0) return
        at += bytesRead
        yield chunk.subarray(0, bytesRead)
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** Makes `to` the same file as `from`, or a copy that shares its blocks. Answers false where the file system can do neither. */
export async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    // Sharing blocks keeps the two apart: what is written into one is not in the other.
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return true
  } catch { /* most file systems cannot */ }
  try {
    await link(from, to)
    return true
  } catch {
    return false
  }
}

export interface WriteBlobOptions extends PushOptions { readonly trustLinked: boolean }

/**
 * Makes the file `name` hold the blob. The bytes that `open` gives were checked against the digest by whoever reads them.
 * @throws SizeMismatchError, LayoutError; nothing of the blob is left then
 */
export async function writeBlobFile(tree: Tree, name: string, desc: Descriptor, open: Opener, options: WriteBlobOptions): Promise<void> {
  options.signal.throwIfAborted()
  const temporary = await tree.temporary()
  try {
    if (!await linkOrWrite(tree, temporary, desc, open, options)) {
      await rm(temporary, { force: true })
      await using content = await open(0)
      await writeContent(content, temporary, desc, tree, options)
    }
    options.signal.throwIfAborted()
    await tree.commit(temporary, name).catch((error: unknown) => { throw fileFailure(tree.place, `writing ${name}`, error) })
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** False where another file than the linked one had to be read from on the way: what was linked is then not what was checked. */
async function linkOrWrite(tree: Tree, temporary: string, desc: Descriptor, open: Opener, options: WriteBlobOptions): Promise<boolean> {
  await using content = await open(0)
  const { file } = content
  if (file === undefined || !await linkFile(file, temporary)) {
    await writeContent(content, temporary, desc, tree, options)
    return true
  }
  if (options.trustLinked) {
    checkSize(desc, (await stat(temporary)).size, tree.place)
    return true
  }
  // What lies is not linked: it is read once all the same.
  let size = 0
  for await (const chunk of content) {
    options.signal.throwIfAborted()
    size += chunk.byteLength
    options.onSent?.(chunk.byteLength)
  }
  if (content.file === file) checkSize(desc, size, tree.place)
  else options.onSent?.(-size)
  return content.file === file
}

async function writeContent(content: Content, temporary: string, desc: Descriptor, tree: Tree, { signal, onSent }: WriteBlobOptions): Promise<void> {
  const failed = (error: unknown): never => { throw fileFailure(tree.place, `writing ${desc.digest}`, error) }
  await using handle = await open(temporary, 'wx', 0o644).catch(failed)
  using _writing = tree.writing.enter()
  const batch = new WriteBatch(handle, tree.writing)
  const tell = (written: number): void => { if (written > 0) onSent?.(written) }
  let size = 0
  for await (const chunk of content) {
    signal.throwIfAborted()
    size += chunk.byteLength
    if (desc.size >= 0 && size > desc.size) checkSize(desc, size, tree.place)
    tell(await batch.add(chunk).catch(failed))
  }
  tell(await batch.flush().catch(failed))
  checkSize(desc, size, tree.place)
}

function checkSize(desc: Descriptor, actual: number, place: string): void {
  if (desc.size >= 0 && desc.size !== actual) throw new SizeMismatchError(`${place}: ${desc.digest}`, desc.size, actual)
}
