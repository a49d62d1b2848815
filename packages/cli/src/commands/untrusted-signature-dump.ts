import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dumpSimpleWithoutVerification } from '@longshore/signing'
import { ExitCode } from '../exit-code.ts'
import { readNamed } from './standalone-sign.ts'

/** @throws UsageError, SigningError */
export async function signatureDumpCommand(signature: string): Promise<ExitCode> {
  const message = await readNamed(signature)
  // No keys: nothing can be taken for verified.
  const home = await mkdtemp(join(tmpdir(), 'longshore-gpg-'))
  try {
    const { manifest, reference, creator, timestamp, keyId } = await dumpSimpleWithoutVerification(message, home, new AbortController().signal)
    process.stdout.write(`${JSON.stringify({
      UntrustedDockerManifestDigest: manifest, UntrustedDockerReference: reference, UntrustedCreatorID: creator ?? null,
      UntrustedTimestamp: timestamp === undefined ? null : new Date(timestamp * 1000).toISOString().replace('.000Z', 'Z'), UntrustedShortKeyIdentifier: keyId,
    }, null, 4)}\n`)
    return ExitCode.ok
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
