// Simple signatures beside a registry: `BASE/REPOSITORY@sha256=HEX/signature-N`, counted from 1 without gaps.
// https://github.com/containers/image/blob/v5.36.0/docs/signature-protocols.md
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { algorithmOf, type Digest, hexOf, type RepositoryName } from '@longshore/oci'
import { SigningError, systemWords } from './errors.ts'

/** GETs a URL whose body is small; proxies and TLS are the caller's. `undefined` for 404; other statuses and broken connections throw. */
export type FetchBytes = (url: URL, limit: number, signal: AbortSignal) => Promise<Uint8Array | undefined>

/** As upstream: more is a server that answers everything. */
const maxSignatures = 128
const maxBytes = 4 * 1024 * 1024

export interface LookasidePlace { readonly base: URL; readonly repository: RepositoryName; readonly manifest: Digest }

function urlOf({ base, repository, manifest }: LookasidePlace, index: number): URL {
  const url = new URL(base)
  url.pathname = `${base.pathname}/${repository}@${algorithmOf(manifest)}=${hexOf(manifest)}/signature-${index}`
  return url
}

/** @throws SigningError SIGNATURE_STORE */
export async function readLookaside(place: LookasidePlace, fetchBytes: FetchBytes, signal: AbortSignal): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = []
  for (;;) {
    const url = urlOf(place, found.length + 1)
    const bytes = url.protocol === 'file:' ? await readIfThere(fileURLToPath(url)) : await fetchBytes(url, maxBytes, signal)
    if (!bytes) return found
    if (found.length >= maxSignatures) throw new SigningError('SIGNATURE_STORE', `${place.base.host === '' ? place.base.pathname : place.base.host} has more than ${maxSignatures} signatures of ${place.manifest}, assuming that's unreasonable and a server error`)
    found.push(bytes)
  }
}

/** Adds those that are not there yet. @throws SigningError SIGNATURE_STORE */
export async function writeLookaside(place: LookasidePlace, signatures: readonly Uint8Array[], fetchBytes: FetchBytes, signal: AbortSignal): Promise<void> {
  refuseHttp(place.base)
  const there = [...await readLookaside(place, fetchBytes, signal)]
  for (const signature of signatures) {
    if (there.some((other) => Buffer.compare(other, signature) === 0)) continue
    const path = fileURLToPath(urlOf(place, there.length + 1))
    const temporary = `${path}.${process.pid}.tmp`
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(temporary, signature, { mode: 0o644 })
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw new SigningError('SIGNATURE_STORE', `cannot write ${path}: ${systemWords(error)}`, error)
    }
    there.push(signature)
  }
}

/** Removes all of a manifest's. @throws SigningError SIGNATURE_STORE */
export async function deleteLookaside(place: LookasidePlace): Promise<void> {
  refuseHttp(place.base)
  // From the first on: what is left when this is interrupted is not seen any more.
  for (let index = 1; ; index++) {
    const path = fileURLToPath(urlOf(place, index))
    const isThere = await rm(path).then(() => true, (error: unknown) => {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false
      throw new SigningError('SIGNATURE_STORE', `cannot remove ${path}: ${systemWords(error)}`, error)
    })
    if (!isThere) return
  }
}

function refuseHttp(base: URL): void {
  if (base.protocol !== 'file:') throw new SigningError('SIGNATURE_STORE', `Writing directly to a ${base.protocol.slice(0, -1)} lookaside is not supported. Configure a lookaside-staging: location`)
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return await readFile(path).then((bytes) => {
    if (bytes.byteLength > maxBytes) throw new SigningError('SIGNATURE_STORE', `${path} is larger than ${maxBytes} bytes: no signature is`)
    return bytes
  }, (error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw new SigningError('SIGNATURE_STORE', `cannot read ${path}: ${systemWords(error)}`, error)
  })
}
