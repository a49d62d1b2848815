// The flags of copy and sync, as the grammar hands them over.
import type { AccessOptions } from '@longshore/access'
import type { CopyFlags as CommonFlags, GlobalFlags, RetryFlags } from '../skopeo-flags.ts'

export type { GlobalFlags }

/** What copy and sync share. */
export interface SharedCopyFlags extends AccessOptions, GlobalFlags, RetryFlags, CommonFlags {
  readonly all?: boolean
  readonly digestfile?: string
  readonly screds?: string
  readonly dcreds?: string
}

export interface CopyFlags extends SharedCopyFlags {
  readonly additionalTag?: readonly string[]
  readonly multiArch?: string
  readonly stripSparseManifestList?: boolean
  readonly quiet?: boolean
  readonly signIdentity?: string
  readonly encryptLayer?: readonly number[]
  readonly encryptionKey?: readonly string[]
  readonly decryptionKey?: readonly string[]
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
