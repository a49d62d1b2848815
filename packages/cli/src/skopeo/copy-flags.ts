// The flags of copy and sync, as the grammar hands them over.
import type { AccessOptions } from '@longshore/access'

/** Before or behind the command. */
export interface GlobalFlags {
  readonly overrideArch?: string
  readonly overrideOs?: string
  readonly overrideVariant?: string
  readonly policy?: string
  readonly insecurePolicy?: boolean
  readonly requireSigned?: boolean
  readonly 'registries.d'?: string
  readonly registriesConf?: string
  readonly tmpdir?: string
  readonly commandTimeout?: number
  readonly debug?: boolean
}

export interface SharedCopyFlags extends AccessOptions, GlobalFlags {
  readonly all?: boolean
  readonly removeSignatures?: boolean
  readonly signBy?: string
  readonly signBySigstorePrivateKey?: string
  readonly signPassphraseFile?: string
  readonly format?: string
  readonly preserveDigests?: boolean
  readonly digestfile?: string
  readonly retryTimes?: number
  /** Milliseconds. */
  readonly retryDelay?: number
}

export interface CopyFlags extends SharedCopyFlags {
  readonly additionalTag?: readonly string[]
  readonly multiArch?: string
  readonly stripSparseManifestList?: boolean
  readonly quiet?: boolean
  readonly signIdentity?: string
  readonly destCompress?: boolean
  readonly destDecompress?: boolean
  readonly destCompressFormat?: string
  readonly destCompressLevel?: number
  readonly destForceCompressFormat?: boolean
  readonly destOciAcceptUncompressedLayers?: boolean
  readonly destPrecomputeDigests?: boolean
  readonly imageParallelCopies?: number
  readonly srcDaemonHost?: string
  readonly destDaemonHost?: string
  readonly srcSharedBlobDir?: string
  readonly destSharedBlobDir?: string
}

export interface SyncFlags extends SharedCopyFlags {
  readonly src?: string
  readonly dest?: string
  readonly scoped?: boolean
  readonly appendSuffix?: string
  readonly dryRun?: boolean
  readonly keepGoing?: boolean
}
