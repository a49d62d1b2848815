import { readFile, writeFile } from 'node:fs/promises'
import { decodeManifest, type Digest, digestOf, InvalidManifestError } from '@longshore/oci'
import { formatDockerName, openSimpleKey, parseDockerName, readPassphrase, signSimple } from '@longshore/signing'
import { ExitCode } from '../exit-code.ts'
import { UsageError } from '../usage-error.ts'
import { readVersion } from '../version.ts'

/** @throws UsageError, SigningError */
export async function standaloneSignCommand(manifest: string, reference: string, fingerprint: string, flags: { readonly output: string; readonly passphraseFile?: string }): Promise<ExitCode> {
  const { signal } = new AbortController()
  const digest = manifestDigestOf(await readNamed(manifest))
  const passphrase = flags.passphraseFile === undefined ? undefined : await readPassphrase(flags.passphraseFile)
  const key = await openSimpleKey({ fingerprint, passphrase, signal })
  const signature = await signSimple(key, { manifest: digest, reference: formatDockerName(parseDockerName(reference)), creator: `Longshore ${readVersion()}` }, signal)
  await writeFile(flags.output, signature).catch((error: unknown) => { throw new UsageError(`${flags.output} cannot be written (${codeOf(error)})`) })
  return ExitCode.ok
}

/** As skopeo has it: of any bytes; a signed schema 1 without its signatures. */
export function manifestDigestOf(bytes: Uint8Array): Digest {
  try {
    return decodeManifest(bytes, '', '').digest
  } catch (error) {
    if (error instanceof InvalidManifestError) return digestOf(bytes)
    throw error
  }
}

/** @throws UsageError */
export async function readNamed(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => { throw new UsageError(`${path} cannot be read (${codeOf(error)})`) })
}

function codeOf(error: unknown): string { return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error' }
