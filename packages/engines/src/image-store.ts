import type { DeletableLayout } from '@longshore/layouts'
import type { Digest, RepositoryName, Tag } from '@longshore/oci'
import type { Io } from '@longshore/transfer'

/** An engine's images can be deleted, by name or, without a repository, by ID. */
export interface ImageStore extends DeletableLayout {
  /** `false` when there is no such image. Other names of it stay. @throws EngineError when a container uses it */
  deleteReference(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<boolean>
}
