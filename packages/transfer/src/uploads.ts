import type { Descriptor, RepositoryName } from '@longshore/oci'
import type { Checkpoint, Io, PushOutcome } from './transport.ts'

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
  /**
   * What this very migration did a while ago to have the blob in this repository: a job may be delivered twice. `begun`: it began to send it, and nobody
   * knows what came of that.
   */
  readonly before: PushOutcome | 'begun' | undefined
  /** With an outcome: the repository has it now. */
  end(outcome?: PushOutcome): Promise<void>
}
