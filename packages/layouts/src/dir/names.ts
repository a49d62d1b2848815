// The files of a dir: layout (containers/image, directory/directory_transport.go).
import { algorithmOf, type Digest, hexOf, type RepositoryName } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { isTemporary } from '../tree.ts'

export const versionFile = 'version'
export const manifestFile = 'manifest.json'
const versionPattern = /^Directory Transport Version: 1\.([012])\n?$/

export function versionText(minor: 1 | 2): string { return `Directory Transport Version: 1.${minor}\n` }
export function isKnownVersion(text: string): boolean { return versionPattern.test(text) }

/** Blobs, and the beginnings of what is about a manifest. Until version 1.2 every digest was sha256. */
export function stemOf(digest: Digest): string { return algorithmOf(digest) === 'sha256' ? hexOf(digest) : `${algorithmOf(digest)}-${hexOf(digest)}` }
export function childFile(digest: Digest): string { return `${stemOf(digest)}.manifest.json` }
/** `number` counts from 1; without `digest` it is about manifest.json. */
export function signatureFile(digest: Digest | undefined, number: number): string { return `${digest === undefined ? '' : `${stemOf(digest)}.`}signature-${number}` }

const stem = String.raw`(?:[0-9a-f]{64}|sha512-[0-9a-f]{128})`
const contentPattern = new RegExp(String.raw`^(?:${stem}|${stem}\.manifest\.json|(?:${stem}\.)?signature-\d+|dir-put-blob\d+)$`)

/** Whether a file is of a dir: image, so that it may go when the image is replaced. */
export function isContent(name: string): boolean { return contentPattern.test(name) || isTemporary(name) }

/** The directory of a repository below the base, as part of a path: '' or `name/`. @throws LayoutError when it leads elsewhere */
export function folderOf(place: string, repository: RepositoryName): string {
  if (repository === '') return ''
  if (repository.split('/').some((part) => part === '' || part === '.' || part === '..') || repository.includes('\0')) {
    throw new LayoutError('LAYOUT_REFUSED', `${place}: "${repository}" is no path below it: give names without ".", ".." and empty parts`)
  }
  return `${repository}/`
}
