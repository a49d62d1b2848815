// The grammar of skopeo's commands that sign and verify files: standalone-sign, standalone-verify, generate-sigstore-key and the dump.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { UsageError } from './usage-error.ts'

export function addSigningCommands(program: Command, done: (code: ExitCode) => void): void {
  program.command('standalone-sign').argument('<MANIFEST>').argument('<DOCKER-REFERENCE>').argument('<KEY-FINGERPRINT>')
    .summary('sign a manifest in a file')
    .description('Signs the manifest of a file as DOCKER-REFERENCE, by a key of the gpg keyring, and writes the signature to a file.')
    .addHelpText('after', '\nExample:\n  longshore standalone-sign manifest.json registry.example.com/app:1 ann@example.com --output app.signature')
    .requiredOption('-o, --output <SIGNATURE>', 'where the signature is written to')
    .option('--passphrase-file <FILE>', 'its first line is the passphrase of the key')
    .action(async (manifest: string, reference: string, fingerprint: string, flags: { readonly output: string; readonly passphraseFile?: string }) => {
      const { standaloneSignCommand } = await import('./commands/standalone-sign.ts')
      done(await standaloneSignCommand(manifest, reference, fingerprint, flags))
    })

  program.command('standalone-verify').argument('<MANIFEST>').argument('<DOCKER-REFERENCE>').argument('<KEY-FINGERPRINTS>').argument('<SIGNATURE>')
    .summary('verify a signature in a file')
    .description(`Verifies that the signature in a file was made by one of KEY-FINGERPRINTS (separated by commas; any, together with
--public-key-file) for the manifest in a file as DOCKER-REFERENCE.`)
    .addHelpText('after', '\nExample:\n  longshore standalone-verify manifest.json registry.example.com/app:1 any app.signature --public-key-file keys.gpg')
    .option('--public-key-file <FILE>', 'take the keys from there, not from the gpg keyring')
    .action(async (manifest: string, reference: string, fingerprints: string, signature: string, flags: { readonly publicKeyFile?: string }) => {
      const { standaloneVerifyCommand } = await import('./commands/standalone-verify.ts')
      done(await standaloneVerifyCommand(manifest, reference, fingerprints, signature, flags))
    })

  program.command('generate-sigstore-key').requiredOption('--output-prefix <PREFIX>', 'PREFIX.pub and PREFIX.private')
    .option('--passphrase-file <FILE>', 'its first line is the passphrase of the key')
    .summary('not taken yet: use cosign generate-key-pair, or openssl')
    .action(() => {
      // Its private keys are in a format that needs NaCl's secretbox (packages/signing/src/sigstore-key.ts).
      throw new UsageError('generate-sigstore-key is not taken: make the key with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem, and its public key with openssl pkey -in KEY.pem -pubout')
    })

  program.command('untrusted-signature-dump-without-verification', { hidden: true }).argument('<SIGNATURE>')
    .summary('show what a signature claims; nothing of it is proved')
    .description('Prints what a signature of simple signing claims, as JSON. It may be forged: nothing of it is verified.')
    .addHelpText('after', '\nExample:\n  longshore untrusted-signature-dump-without-verification app.signature')
    .action(async (signature: string) => {
      const { signatureDumpCommand } = await import('./commands/untrusted-signature-dump.ts')
      done(await signatureDumpCommand(signature))
    })
}
