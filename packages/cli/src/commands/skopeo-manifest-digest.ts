// `manifest-digest`: what a registry would call the manifest in a file.
import { readFile } from 'node:fs/promises'
import { decodeManifest, digestOf, InvalidManifestError, isSchema1Type } from '@longshore/oci'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { write } from '../skopeo/write.ts'

/** @throws SkopeoError */
export async function manifestDigestCommand(args: readonly string[]): Promise<void> {
  const [path] = args
  if (path === undefined || args.length !== 1) throw new SkopeoError('Usage: skopeo manifest-digest manifest')
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const why = { ENOENT: 'no such file or directory', EACCES: 'permission denied', EISDIR: 'is a directory', ENOTDIR: 'not a directory' }[code] ?? code
    throw new SkopeoError(`Error reading manifest from ${path}: ${code === 'EISDIR' ? 'read' : 'open'} ${path}: ${why}`, 'SKOPEO_FAILED', { cause: error })
  }
  await write(`${digestOfManifest(bytes, path)}\n`)
}

/** Of a signed schema 1 the payload counts, of everything else every byte, whatever it is. */
function digestOfManifest(bytes: Buffer, path: string): string {
  try {
    const manifest = decodeManifest(bytes, '', path)
    if (isSchema1Type(manifest.mediaType)) return manifest.digest
  } catch (error) {
    if (!(error instanceof InvalidManifestError)) throw error
  }
  return digestOf(bytes)
}
