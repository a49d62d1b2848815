import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SigningError, systemWords } from './errors.ts'
import { parseSigstorePublicKey } from './sigstore.ts'

/** PEM files, one public key each. @throws SigningError SIGNING_KEY_INVALID naming the file */
export async function readSigstorePublicKeys(paths: readonly string[]): Promise<readonly KeyObject[]> {
  return await Promise.all(paths.map(async (path) => {
    const bytes = await readFile(path).catch((error: unknown) => { throw new SigningError('SIGNING_KEY_INVALID', `open ${path}: ${systemWords(error)}: name a file that holds a public key in PEM, such as cosign.pub`, error) })
    return parseSigstorePublicKey(bytes, path)
  }))
}
