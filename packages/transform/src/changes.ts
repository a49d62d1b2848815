import { ChangeError } from './errors.ts'
import type { Compression } from './media-types.ts'

export type Format = 'oci' | 'v2s2'
export type Algorithm = Exclude<Compression, 'plain'> | 'none'

/** What the user asked for by name; what is not named stays as it is, byte for byte. */
export interface Changes {
  /** skopeo's `--format`. `v2s1` is taken only for images that are in it already. */
  readonly format?: Format | 'v2s1'
  readonly compress?: Compress
  /** Layers that are not compressed are gzipped: what a registry gets from an archive or an engine. Moot with `compress`. */
  readonly gzipPlain?: boolean
}

export interface Compress {
  /** `none` decompresses. Layers that are compressed in another way are made anew. */
  readonly algorithm: Algorithm
  /** gzip 1-9, zstd 1-22; the library's own choice (6 and 3) where absent. */
  readonly level?: number
  /** That no layer is left in another compression, which holds here in any case. */
  readonly force?: boolean
}

/**
 * `--format`, `--dest-compress-format` and the like, as they were written.
 * @throws ChangeError `CHANGE_REFUSED` what is unknown, or cannot be had together
 */
export function parseChanges(options: {
  readonly format?: string; readonly compressFormat?: string; readonly compressLevel?: number; readonly decompress?: boolean; readonly force?: boolean; readonly gzipPlain?: boolean
}): Changes {
  const { format, compressFormat, compressLevel, decompress = false, force, gzipPlain } = options
  if (format !== undefined && format !== 'oci' && format !== 'v2s1' && format !== 'v2s2') {
    throw new ChangeError('CHANGE_REFUSED', `unknown format "${format}". Choose one of the supported formats: 'oci', 'v2s1', or 'v2s2'`)
  }
  if (compressFormat === 'zstd:chunked') throw new ChangeError('CHANGE_REFUSED', 'zstd:chunked is not made here: take zstd, which everything that reads zstd:chunked reads too')
  if (compressFormat !== undefined && compressFormat !== 'gzip' && compressFormat !== 'zstd') {
    throw new ChangeError('CHANGE_REFUSED', `cannot find compressor for "${compressFormat}": choose gzip or zstd`)
  }
  if (decompress && compressFormat !== undefined) throw new ChangeError('CHANGE_REFUSED', 'layers can be compressed or decompressed, not both')
  const algorithm = decompress ? 'none' : compressFormat ?? (compressLevel === undefined ? undefined : 'gzip')
  const changes: Changes = {
    ...(format === undefined ? {} : { format }),
    ...(algorithm === undefined ? {} : { compress: { algorithm, ...(compressLevel === undefined ? {} : { level: compressLevel }), ...(force === undefined ? {} : { force }) } }),
    ...(gzipPlain === undefined ? {} : { gzipPlain }),
  }
  checkChanges(changes)
  return changes
}

/** @throws ChangeError `CHANGE_REFUSED` before anything is read */
export function checkChanges({ format, compress }: Changes): void {
  if (!compress) return
  const { algorithm, level } = compress
  if (algorithm === 'zstd' && (format === 'v2s2' || format === 'v2s1')) {
    throw new ChangeError('CHANGE_REFUSED', `zstd compression is not supported for docker images (format ${format}): take gzip, or the format oci`)
  }
  const most = algorithm === 'gzip' ? 9 : algorithm === 'zstd' ? 22 : 0
  if (level !== undefined && (!Number.isInteger(level) || level < 1 || level > most)) {
    throw new ChangeError('CHANGE_REFUSED', most === 0 ? 'a compression level says nothing where layers are decompressed' : `the compression level ${level} is not one of ${algorithm}: 1 to ${most}`)
  }
}

/** Whether an image would be changed at all; a source need not be wrapped otherwise. */
export function changesAnything({ format, compress, gzipPlain }: Changes): boolean {
  return format !== undefined || compress !== undefined || gzipPlain === true
}
