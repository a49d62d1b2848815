import type { Digest, RepositoryName, Tag } from '@longshore/oci'
import type { Layout } from '@longshore/layouts'
import type { Io } from '@longshore/transfer'

/** An engine's images can be deleted, by name or by ID. */
export interface ImageStore extends Layout {
  /** `false` when there is no such image. Other names of it stay. @throws EngineError when a container uses it */
  delete(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<boolean>
}
