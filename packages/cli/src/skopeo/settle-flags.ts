// The flags of copy and sync before anything is opened: old names become the new ones, what contradicts itself or is not built is refused by name.
import { checkCredentials, sideFlags } from '../skopeo-flags.ts'
import type { CopyFlags, SharedCopyFlags } from './copy-flags.ts'
import { SkopeoError } from './skopeo-error.ts'

type Flags = SharedCopyFlags & Partial<CopyFlags>

const noEncryption = 'layers are neither encrypted nor decrypted here; encrypted ones are copied as they are'
/** Taken by skopeo; to take them without doing what they say would be worse than an error. */
const notBuilt: ReadonlyArray<readonly [keyof Flags, string, string]> = [
  ['encryptLayer', '--encrypt-layer', noEncryption], ['encryptionKey', '--encryption-key', noEncryption], ['decryptionKey', '--decryption-key', noEncryption],
  ['signBySqFingerprint', '--sign-by-sq-fingerprint', 'there is no signing by Sequoia: sign by GnuPG with --sign-by'],
  ['signBySigstore', '--sign-by-sigstore', 'sigstore parameter files (Fulcio, Rekor) are not read: sign with --sign-by-sigstore-private-key'],
]

/**
 * What the flags say of each side.
 * @param warn told of `--tls-verify`, as skopeo tells
 * @throws SkopeoError
 */
export function settleFlags<F extends Flags>(flags: F, warn: (message: string) => void): F {
  for (const [name, flag, why] of notBuilt) if (flags[name] !== undefined) throw new SkopeoError(`${flag} is not taken: ${why}`)
  const { tlsVerify, screds, dcreds } = flags
  if (tlsVerify !== undefined) warn('\'--tls-verify\' is deprecated, instead use: --src-tls-verify, --dest-tls-verify')
  const settled = {
    ...(tlsVerify === undefined ? {} : { srcTlsVerify: tlsVerify, destTlsVerify: tlsVerify }),
    ...(screds === undefined ? {} : { srcCreds: screds }), ...(dcreds === undefined ? {} : { destCreds: dcreds }), ...flags,
  }
  for (const side of ['src', 'dest'] as const) checkCredentials(sideFlags(settled, side))
  return settled
}
