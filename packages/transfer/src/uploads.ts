import type { Descriptor, RepositoryName } from '@longshore/oci'
import type { Checkpoint, Io } from './transport.ts'

/**
 * Who sends which blob to which registry, over all processes and migrations that write there: what one sends now, the others
 * wait for instead of sending it too; what a process that died left half sent, another goes on with.
 */
export interface Uploads {
  /** Waits while somebody else sends this blob to the registry. To be ended, whatever becomes of it. */
  enter(registry: string, repository: RepositoryName, desc: Descriptor, io: Io): Promise<UploadTurn>
}

export interface UploadTurn {
  /** A repository of the registry that has the blob since a while ago: it need not be sent. */
  readonly holder: RepositoryName | undefined
  readonly checkpoint: Checkpoint
  /** `landed`: the repository has it now. */
  end(landed: boolean): Promise<void>
}
