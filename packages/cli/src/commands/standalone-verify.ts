import { formatDockerName, Keyring, parseDockerName, SigningError, verifySimple } from '@longshore/signing'
import { ExitCode } from '../exit-code.ts'
import { UsageError } from '../usage-error.ts'
import { manifestDigestOf, readNamed } from './standalone-sign.ts'

/** @throws UsageError, SigningError */
export async function standaloneVerifyCommand(manifest: string, reference: string, fingerprints: string, signature: string, flags: { readonly publicKeyFile?: string }): Promise<ExitCode> {
  if (fingerprints === 'any' && flags.publicKeyFile === undefined) throw new UsageError('Cannot use any fingerprint without a public key file')
  const expected = parseDockerName(reference)
  const digest = manifestDigestOf(await readNamed(manifest))
  const message = await readNamed(signature)
  const { signal } = new AbortController()
  await using keyring = flags.publicKeyFile === undefined ? Keyring.ofUser() : await Keyring.of([await readNamed(flags.publicKeyFile)], signal)
  const verified = await verifySimple(message, keyring, signal)
  const invalid = (why: string): SigningError => new SigningError('SIGNATURE_INVALID', `Error verifying signature: ${why}`)
  const wanted = fingerprints.split(',')
  if (fingerprints !== 'any' && !wanted.includes(verified.fingerprint)) throw invalid(`Signature by ${verified.fingerprint} does not match expected fingerprints [${wanted.join(' ')}]`)
  if (verified.manifest !== digest) throw invalid(`Signature for docker digest "${verified.manifest}" does not match`)
  if (formatDockerName(parseDockerName(verified.reference)) !== formatDockerName(expected)) throw invalid(`Docker reference "${verified.reference}" does not match "${reference}"`)
  process.stdout.write(`Signature verified using fingerprint ${verified.fingerprint}, digest ${verified.manifest}\n`)
  return ExitCode.ok
}
