// What transport.ts promises of every Source and Target, as tests: run them against each transport. A transport is done when they pass.
import { decodeManifest, type Descriptor, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import type { Source, Target } from '@longshore/transfer'
import { expect } from 'vitest'
import { layer, tarLayer } from './content/blob.ts'
import { image, type SyntheticContent } from './content/image.ts'

/** What a transport cannot do. Everything is taken as possible that is not said here. */
export interface ContractLimits {
  /** How it names things, where not by the names that the suites have. */
  readonly names?: Partial<ContractNames>
  /** A place holds one repository: nothing to mount from, no catalog of two. */
  readonly oneRepository?: boolean
  /** A repository holds one image, under the reference that `names` tells, else `''`. */
  readonly oneReference?: boolean
  /** `referrers` answers `undefined`. */
  readonly noReferrers?: boolean
  /**
   * No indexes, and manifests are made anew of configuration and layers (docker-archive, engines): what is read back has another digest,
   * and the same configuration and layers. An index is refused.
   */
  readonly noManifests?: boolean
  /** The configuration is made anew as well (tarball): layers alone are the same. */
  readonly noConfigurations?: boolean
  /** It looks into layers, so they are real tar files here: opaque bytes would be refused, or be decompressed. */
  readonly tarLayers?: boolean
  /** It gives whole images only (engines): blobs are told and read once the manifest of their image was. */
  readonly blobsByImage?: boolean
  /** A manifest is only taken with its tag (archives that write it at the end), so what it lacks is told then, or at `finish`. */
  readonly lateRefusal?: boolean
  /** A refused manifest is not told by this transport's `put` (a registry that was set up so). */
  readonly noRefusal?: boolean
}

export interface ContractNames {
  readonly repository: RepositoryName
  readonly other: RepositoryName
  /** Such as the place is asked for, and tells them. */
  readonly ref: (name: string) => Tag
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
export function namesFor({ names, oneRepository = false, oneReference = false }: ContractLimits): ContractNames {
  return {
    repository: oneRepository ? '' as RepositoryName : contractRepository,
    other: contractOther,
    ref: (name) => (oneReference ? '' : name) as Tag,
    ...names,
  }
}

/** Images and layers such as the transport takes. */
export function makersFor({ tarLayers = false }: ContractLimits): { readonly image: typeof image; readonly layer: typeof layer } {
  return { image: (options) => image({ layerKind: tarLayers ? 'tar' : 'opaque', ...options }), layer: tarLayers ? tarLayer : layer }
}

/** That what was read stands for the image: to the byte, or by what it is made of. */
export function expectSame(manifest: Manifest | undefined, content: SyntheticContent, { noManifests = false, noConfigurations = false }: ContractLimits): void {
  if (!noManifests) {
    expect(manifest).toMatchObject({ digest: content.root.digest, mediaType: content.root.mediaType })
    expect(Buffer.from(manifest?.bytes ?? []).equals(content.root.bytes)).toBe(true)
    return
  }
  const made = decodeManifest(content.root.bytes, content.root.mediaType, 'made up')
  if (made.kind !== 'image' || manifest?.kind !== 'image') throw new Error(`no image, but ${manifest?.kind ?? 'nothing'}`)
  const sizes = (layers: readonly Descriptor[]): readonly (readonly [string, number])[] => layers.map(({ digest, size }) => [digest, size])
  expect(sizes(manifest.layers)).toEqual(sizes(made.layers))
  if (!noConfigurations) expect(manifest.config).toMatchObject({ digest: made.config?.digest, size: made.config?.size })
}
