// What the flags of copy and sync mean, checked before anything is opened.
import { tmpdir } from 'node:os'
import { InvalidReferenceError, parsePlatform, transportOf } from '@longshore/oci'
import { UsageError } from '../usage-error.ts'
import { wantedPlatforms } from './choose-instance.ts'
import type { CopyFlags, GlobalFlags, SharedCopyFlags } from './copy-flags.ts'
import type { ListHandling } from './copy-run.ts'

/** @throws UsageError */
export function listHandlingOf(flags: SharedCopyFlags & Pick<CopyFlags, 'multiArch' | 'stripSparseManifestList'>): ListHandling {
  const { all, multiArch, stripSparseManifestList = false } = flags
  if (all === true && multiArch !== undefined) throw new UsageError('Cannot use --all and --multi-arch flags together')
  if (all === true) return { kind: 'all' }
  switch (multiArch) {
    case undefined:
    case '':
    case 'system': return { kind: 'system', platforms: platformsOf(flags) }
    case 'all': return { kind: 'all' }
    case 'index-only': return { kind: 'index-only' }
    default: try {
      return { kind: 'platforms', platforms: multiArch.split(',').map((one) => parsePlatform(one.trim())), policy: stripSparseManifestList ? 'strip' : 'sparse' }
    } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      throw new UsageError(`unknown multi-arch option "${multiArch}". Choose one of the supported options: 'system', 'all', 'index-only', or platforms such as linux/amd64,linux/arm64`)
    }
  }
}

export function platformsOf({ overrideOs, overrideArch, overrideVariant }: GlobalFlags): ReturnType<typeof wantedPlatforms> {
  return wantedPlatforms({
    ...(overrideOs === undefined ? {} : { os: overrideOs }), ...(overrideArch === undefined ? {} : { architecture: overrideArch }),
    ...(overrideVariant === undefined ? {} : { variant: overrideVariant }),
  }, process)
}

/** Transports whose layers are not compressed, and whose images are made anew wherever they go. */
const plain = new Set(['docker-archive', 'docker-daemon', 'tarball', 'containers-storage'])
/** Transports whose layers are compressed for the wire, where they are not yet. */
const compressing = new Set(['docker', 'oci', 'oci-archive', 'registry-storage'])

export interface ChangeFlags extends SharedCopyFlags, Pick<CopyFlags,
  'destCompress' | 'destDecompress' | 'destCompressFormat' | 'destCompressLevel' | 'destForceCompressFormat' | 'destOciAcceptUncompressedLayers'> {}

/** What becomes of the images on their way, in the terms of `parseChanges`. */
export interface WantedChanges {
  readonly format?: string
  readonly compressFormat?: string
  readonly compressLevel?: number
  readonly forceCompressFormat?: boolean
  readonly decompress?: boolean
  /** Layers that are not compressed are, with gzip. */
  readonly gzipPlain: boolean
}

/** @param warn told of flags that mean nothing here, as skopeo tells */
export function wantedChanges(source: string, destination: string, flags: ChangeFlags, warn: (message: string) => void): WantedChanges {
  const from = transportOf(source)
  const to = transportOf(destination)
  const isDir = to === 'dir'
  if (!isDir && (flags.destCompress === true || flags.destDecompress === true)) warn('--dest-compress and --dest-decompress can only be used when the destination transport is \'dir\'')
  if (flags.destCompress === true && flags.destDecompress === true) throw new UsageError('--dest-compress and --dest-decompress exclude each other')
  const accepts = (to === 'oci' || to === 'oci-archive') && flags.destOciAcceptUncompressedLayers === true
  // containers/image keeps the manifest of a single image, whatever --format says, where digests are to be preserved.
  const keep = flags.preserveDigests === true
  return {
    ...(flags.format === undefined || keep ? {} : { format: flags.format }),
    ...(flags.destCompressFormat === undefined || keep ? {} : { compressFormat: flags.destCompressFormat }),
    ...(flags.destCompressLevel === undefined ? {} : { compressLevel: flags.destCompressLevel }),
    ...(flags.destForceCompressFormat === undefined ? {} : { forceCompressFormat: flags.destForceCompressFormat }),
    ...(isDir && flags.destDecompress === true && !keep ? { decompress: true } : {}),
    gzipPlain: !keep && ((plain.has(from) && compressing.has(to) && !accepts) || (isDir && flags.destCompress === true)),
  }
}

/** Where large things are put for a while: skopeo's default is /var/tmp, which is a disk where /tmp may be memory. */
export function tmpdirOf({ tmpdir: flag }: GlobalFlags, env: Readonly<Record<string, string | undefined>>): string {
  return flag ?? (env['TMPDIR'] === undefined || env['TMPDIR'] === '' ? (process.platform === 'win32' ? tmpdir() : '/var/tmp') : env['TMPDIR'])
}
