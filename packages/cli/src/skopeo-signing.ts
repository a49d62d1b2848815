// The grammar of skopeo's commands that sign and verify files: standalone-sign, standalone-verify, generate-sigstore-key and the dump.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { runs } from './skopeo/command.ts'
import { SkopeoError } from './skopeo/skopeo-error.ts'
import { addGlobalOptions, type GlobalFlags, textFlag } from './skopeo-flags.ts'

interface SignFlags extends GlobalFlags { readonly output?: string; readonly passphraseFile?: string }
interface GenerateFlags extends GlobalFlags { readonly outputPrefix?: string; readonly passphraseFile?: string }
interface VerifyFlags extends GlobalFlags { readonly publicKeyFile?: string }

export function addSigningCommands(program: Command, done: (code: ExitCode) => void): void {
  const sign = program.command('standalone-sign').usage('[options] MANIFEST DOCKER-REFERENCE KEY-FINGERPRINT --output SIGNATURE')
    .summary('sign a manifest in a file')
    .description('Signs the manifest of a file as DOCKER-REFERENCE, by a key of the gpg keyring, and writes the signature to a file.')
    .addOption(textFlag('-o, --output <SIGNATURE>', 'where the signature is written to'))
    .addOption(textFlag('--passphrase-file <FILE>', 'its first line is the passphrase of the key'))
  addGlobalOptions(sign)
  sign.addHelpText('after', '\nExample:\n  longshore standalone-sign manifest.json registry.example.com/app:1 1D8230F6CDB6A06716E414C1DB72F2188BB46CC8 --output app.signature')
  runs<SignFlags>(sign, done, async () => {
    const { standaloneSignCommand } = await import('./commands/standalone-sign.ts')
    return async ([manifest, reference, fingerprint, ...rest], { output = '', passphraseFile }) => {
      if (manifest === undefined || reference === undefined || fingerprint === undefined || rest.length > 0 || output === '') {
        throw new SkopeoError('Usage: skopeo standalone-sign manifest docker-reference key-fingerprint -o signature')
      }
      await standaloneSignCommand(manifest, reference, fingerprint, { output, ...(passphraseFile === undefined ? {} : { passphraseFile }) })
    }
  })

  const verify = program.command('standalone-verify').usage('[options] MANIFEST DOCKER-REFERENCE KEY-FINGERPRINTS SIGNATURE')
    .summary('verify a signature in a file')
    .description(`Verifies that the signature in a file was made by one of KEY-FINGERPRINTS (separated by commas; any, together with
--public-key-file) for the manifest in a file as DOCKER-REFERENCE.`)
    .addOption(textFlag('--public-key-file <FILE>', 'take the keys from there, not from the gpg keyring'))
  addGlobalOptions(verify)
  verify.addHelpText('after', '\nExample:\n  longshore standalone-verify manifest.json registry.example.com/app:1 any app.signature --public-key-file release.gpg')
  runs<VerifyFlags>(verify, done, async () => {
    const { standaloneVerifyCommand } = await import('./commands/standalone-verify.ts')
    return async ([manifest, reference, fingerprints, signature, ...rest], flags) => {
      if (manifest === undefined || reference === undefined || fingerprints === undefined || signature === undefined || rest.length > 0) {
        throw new SkopeoError('Usage: skopeo standalone-verify manifest docker-reference key-fingerprint signature')
      }
      await standaloneVerifyCommand(manifest, reference, fingerprints, signature, flags)
    }
  })

  const generate = program.command('generate-sigstore-key').usage('--output-prefix PREFIX')
    .summary('make a pair of keys for --sign-by-sigstore-private-key')
    .description('Makes an ECDSA key. The private one is encrypted with a passphrase and written to PREFIX.private, the public one to PREFIX.pub.')
    .addOption(textFlag('--output-prefix <PREFIX>', 'PREFIX.pub and PREFIX.private'))
    .addOption(textFlag('--passphrase-file <FILE>', 'its first line is the passphrase of the key'))
  addGlobalOptions(generate)
  generate.addHelpText('after', '\nExample:\n  longshore generate-sigstore-key --output-prefix release --passphrase-file passphrase.txt')
  runs<GenerateFlags>(generate, done, async () => {
    const { generateSigstoreKeyCommand } = await import('./commands/generate-sigstore-key.ts')
    return async (rest, { outputPrefix = '', passphraseFile }) => {
      if (rest.length > 0 || outputPrefix === '') throw new SkopeoError('Usage: skopeo generate-sigstore-key --output-prefix PREFIX')
      await generateSigstoreKeyCommand({ outputPrefix, ...(passphraseFile === undefined ? {} : { passphraseFile }) })
    }
  })

  const dump = program.command('untrusted-signature-dump-without-verification', { hidden: true }).usage('SIGNATURE')
    .summary('show what a signature claims; nothing of it is proved')
    .description('Shows what a signature claims. Nothing of it is proved.')
  addGlobalOptions(dump)
  dump.addHelpText('after', '\nExample:\n  longshore untrusted-signature-dump-without-verification app.signature')
  runs(dump, done, async () => {
    const { signatureDumpCommand } = await import('./commands/untrusted-signature-dump.ts')
    return async ([signature, ...rest]) => {
      if (signature === undefined || rest.length > 0) throw new SkopeoError('Usage: skopeo untrusted-signature-dump-without-verification signature')
      await signatureDumpCommand(signature)
    }
  })
}
