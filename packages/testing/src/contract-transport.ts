// What transport.ts promises of every Source and Target, as tests: run them against each transport. A transport is done when they pass.
import type { RepositoryName, Tag } from '@longshore/oci'
import type { Source, Target } from '@longshore/transfer'
import type { SyntheticContent } from './content/image.ts'

/** What a transport cannot do. Everything is taken as possible that is not said here. */
export interface ContractLimits {
  /** A place holds one repository: nothing to mount from, no catalog of two. */
  readonly oneRepository?: boolean
  /** A repository holds one image, under the reference `''`. */
  readonly oneReference?: boolean
  /** `referrers` answers `undefined`. */
  readonly noReferrers?: boolean
  /** No indexes, and manifests are made anew (docker-archive): what is read back has the same configuration and layers only. */
  readonly noManifests?: boolean
  /** A manifest is only taken with its tag (archives that write it at the end), so what it lacks is told then, or at `finish`. */
  readonly lateRefusal?: boolean
  /** A refused manifest is not told by this transport's `put` (a registry that was set up so). */
  readonly noRefusal?: boolean
}

export interface ContractImage { readonly repository: RepositoryName; readonly reference: Tag; readonly content: SyntheticContent }

export interface SourcePlace extends AsyncDisposable { readonly source: Source }

export interface TargetPlace extends AsyncDisposable {
  readonly target: Target
  /** Ends the writing (`finish`, where there is one) and opens the place as another process would. The target is not used after it. */
  readBack(): Promise<Source>
}

export const contractRepository = 'team/app' as RepositoryName
export const contractOther = 'team/base' as RepositoryName

/** Names of repositories and references as far as the transport has any. */
export function namesFor(limits: ContractLimits): { readonly repository: RepositoryName; readonly other: RepositoryName; readonly ref: (name: string) => Tag } {
  return {
    repository: limits.oneRepository === true ? '' as RepositoryName : contractRepository,
    other: contractOther,
    ref: (name) => (limits.oneReference === true ? '' : name) as Tag,
  }
}
