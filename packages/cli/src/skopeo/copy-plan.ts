// What the flags of copy and sync mean, checked before anything is opened.
import { InvalidReferenceError, parsePlatform, transportOf } from '@longshore/oci'
import { type Changes, parseChanges } from '@longshore/transform'
import type { CopyFlags, SharedCopyFlags } from './copy-flags.ts'
import type { ListHandling } from './copy-run.ts'
import { wantedPlatforms } from './open-image.ts'
import { SkopeoError } from './skopeo-error.ts'

/** @throws SkopeoError */
export function listHandlingOf(flags: SharedCopyFlags & Pick<CopyFlags, 'multiArch' | 'stripSparseManifestList'>): ListHandling {
  const { all, multiArch, stripSparseManifestList = false } = flags
  if (all === true && multiArch !== undefined) throw new SkopeoError('Cannot use --all and --multi-arch flags together')
  if (all === true) return { kind: 'all' }
  switch (multiArch) {
    case undefined:
    case '':
    case 'system': return { kind: 'system', platform: wantedPlatforms(flags) }
    case 'all': return { kind: 'all' }
    case 'index-only': return { kind: 'index-only' }
    default: try {
      return { kind: 'platforms', platforms: multiArch.split(',').map((one) => parsePlatform(one.trim())), policy: stripSparseManifestList ? 'strip' : 'sparse' }
    } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      throw new SkopeoError(`unknown multi-arch option "${multiArch}". Choose one of the supported options: 'system', 'all', 'index-only', or platforms such as linux/amd64,linux/arm64`)
    }
  }
}

/** Transports whose layers are not compressed, and whose images are made anew wherever they go. */
const plain = new Set(['docker-archive', 'docker-daemon', 'tarball', 'containers-storage'])
/** Transports whose layers are compressed for the wire, where they are not yet. */
const compressing = new Set(['docker', 'oci', 'oci-archive', 'registry-storage'])

export interface ChangeFlags extends SharedCopyFlags, Pick<CopyFlags,
  'destCompress' | 'destDecompress' | 'destCompressFormat' | 'destCompressLevel' | 'destForceCompressFormat' | 'destOciAcceptUncompressedLayers'> {}

/**
 * What becomes of the images on their way.
 * @param warn told of flags that mean nothing here, as skopeo tells
 * @throws SkopeoError, ChangeError
 */
export function wantedChanges(source: string, destination: string, flags: ChangeFlags, warn: (message: string) => void): Changes {
  const from = transportOf(source)
  const to = transportOf(destination)
  const isDir = to === 'dir'
  if (!isDir && (flags.destCompress === true || flags.destDecompress === true)) warn('--dest-compress and --dest-decompress can only be used when the destination transport is \'dir\'')
  if (isDir && flags.destCompress === true && flags.destDecompress === true) throw new SkopeoError('--dest-compress and --dest-decompress exclude each other')
  // containers/image reads nothing else from an OCI layout.
  const isOci = to === 'oci' || to === 'oci-archive'
  const accepts = isOci && flags.destOciAcceptUncompressedLayers === true
  const { format, destCompressFormat, destCompressLevel, destForceCompressFormat, preserveDigests } = flags
  const changes = parseChanges({
    ...(format === undefined || format === '' ? (isOci ? { format: 'oci' } : {}) : { format }), ...(destCompressFormat === undefined ? {} : { compressFormat: destCompressFormat }),
    ...(destCompressLevel === undefined ? {} : { compressLevel: destCompressLevel }), ...(destForceCompressFormat === undefined ? {} : { force: destForceCompressFormat }),
    ...(isDir && flags.destDecompress === true ? { decompress: true } : {}),
    gzipPlain: (plain.has(from) && compressing.has(to) && !accepts) || (isDir && flags.destCompress === true),
  })
  // containers/image keeps the manifest of a single image, whatever else was asked for, where digests are to be preserved.
  return preserveDigests === true ? {} : changes
}
