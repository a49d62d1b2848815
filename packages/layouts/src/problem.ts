// The failures that all layouts share.
import { type Digest, RegistryError } from '@longshore/oci'
import { LayoutError } from './errors.ts'

/** What a registry would answer 404 to: the engine knows this one, and looks elsewhere. */
export function blobUnknown(place: string, digest: Digest): RegistryError {
  return new RegistryError({ status: 404, registry: place, request: `read ${digest}`, details: [{ code: 'BLOB_UNKNOWN', message: 'there is no such blob' }] })
}

/** A manifest came before what it references: the engine then looks again at what is there. */
export function contentMissing(place: string, manifest: Digest, missing: Digest): RegistryError {
  return new RegistryError({ status: 400, registry: place, request: `put ${manifest}`, details: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: `${missing} is not there` }] })
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

/** Nothing has this name, nor can have. */
export function isAbsent(error: unknown): boolean { return isCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG') }

/** The file system's refusal, named by its place. */
export function fileFailure(place: string, doing: string, error: unknown): LayoutError {
  if (error instanceof LayoutError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  const cure = code === 'EACCES' || code === 'EPERM' ? ': check who may read and write there' : code === 'ENOSPC' ? ': the file system is full' : ''
  return new LayoutError('LAYOUT_REFUSED', `${place}: ${doing} failed (${code})${cure}`, error)
}
