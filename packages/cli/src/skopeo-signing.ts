// The grammar of skopeo's commands that sign and verify files: standalone-sign, standalone-verify, generate-sigstore-key and the dump.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'

export function addSigningCommands(program: Command, done: (code: ExitCode) => void): void {
  program.command('standalone-sign').argument('<MANIFEST>').argument('<DOCKER-REFERENCE>').argument('<KEY-FINGERPRINT>')
    .summary('sign a manifest in a file')
    .description('Signs the manifest of a file as DOCKER-REFERENCE, by a key of the gpg keyring, and writes the signature to a file.')
    .requiredOption('-o, --output <SIGNATURE>', 'where the signature is written to')
    .option('--passphrase-file <FILE>', 'its first line is the passphrase of the key')
    .addHelpText('after', '\nExample:\n  longshore standalone-sign manifest.json registry.example.com/app:1 1D8230F6CDB6A06716E414C1DB72F2188BB46CC8 --output app.signature')
    .action(async (manifest: string, reference: string, fingerprint: string, flags: { readonly output: string; readonly passphraseFile?: string }) => {
      const { standaloneSignCommand } = await import('./commands/standalone-sign.ts')
      done(await standaloneSignCommand(manifest, reference, fingerprint, flags))
    })

  program.command('standalone-verify').argument('<MANIFEST>').argument('<DOCKER-REFERENCE>').argument('<KEY-FINGERPRINTS>').argument('<SIGNATURE>')
    .summary('verify a signature in a file')
    .description(`Verifies that the signature in a file was made by one of KEY-FINGERPRINTS (separated by commas; any, together with
--public-key-file) for the manifest in a file as DOCKER-REFERENCE.`)
    .option('--public-key-file <FILE>', 'take the keys from there, not from the gpg keyring')
    .addHelpText('after', '\nExample:\n  longshore standalone-verify manifest.json registry.example.com/app:1 any app.signature --public-key-file release.gpg')
    .action(async (manifest: string, reference: string, fingerprints: string, signature: string, flags: { readonly publicKeyFile?: string }) => {
      const { standaloneVerifyCommand } = await import('./commands/standalone-verify.ts')
      done(await standaloneVerifyCommand(manifest, reference, fingerprints, signature, flags))
    })

  program.command('generate-sigstore-key').requiredOption('--output-prefix <PREFIX>', 'PREFIX.pub and PREFIX.private')
    .option('--passphrase-file <FILE>', 'its first line is the passphrase of the key')
    .summary('make a pair of keys for --sign-by-sigstore-private-key')
    .description('Makes an ECDSA key. The private one is encrypted with a passphrase and written to PREFIX.private, the public one to PREFIX.pub.')
    .addHelpText('after', '\nExample:\n  longshore generate-sigstore-key --output-prefix release --passphrase-file passphrase.txt')
    .action(async (flags: { readonly outputPrefix: string; readonly passphraseFile?: string }) => {
      const { generateSigstoreKeyCommand } = await import('./commands/generate-sigstore-key.ts')
      done(await generateSigstoreKeyCommand(flags))
    })

  program.command('untrusted-signature-dump-without-verification', { hidden: true }).argument('<SIGNATURE>')
    .summary('show what a signature claims; nothing of it is proved')
    .description('Prints the claims of a signature as JSON. Nobody has checked who made it, nor for what.')
    .addHelpText('after', '\nExample:\n  longshore untrusted-signature-dump-without-verification app.signature')
    .action(async (signature: string) => {
      const { signatureDumpCommand } = await import('./commands/untrusted-signature-dump.ts')
      done(await signatureDumpCommand(signature))
    })
}
