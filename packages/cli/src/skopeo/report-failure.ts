// A failed copy in the words that skopeo would use, where scripts grep for them, and ours behind.
import { type ErrorRecord, toRecord } from '@longshore/oci'
import { describeFailure } from '@longshore/report'
import { hintFor } from '@longshore/transfer'
import { formatImageName } from './copy-request.ts'
import type { FailedCopy } from './copy-run.ts'
import { goWords } from './go-words.ts'
import { imageUnknown, SkopeoError } from './skopeo-error.ts'

export function recordOf({ record, error }: FailedCopy): ErrorRecord { return record ?? toRecord(error) }

/** The image, or its repository, is not at the source: skopeo's exit code 2. */
export function isNotFound(failed: FailedCopy): boolean {
  for (let e: ErrorRecord | undefined = recordOf(failed); e; e = e.cause) {
    if (e.code === 'IMAGE_NOT_FOUND' || e.code === 'MANIFEST_UNKNOWN' || e.code === 'LAYOUT_MISSING') return true
  }
  return false
}

/** What ends the command: exit code 2 where the image is not at the source. */
export function failedCopy(failed: FailedCopy): SkopeoError {
  const message = describeFailedCopy(failed)
  return isNotFound(failed) ? imageUnknown(message, failed.error) : new SkopeoError(message, 'SKOPEO_FAILED', { cause: failed.error })
}

/** One line: `initializing source docker://…: reading manifest 1.0 in host/name: manifest unknown`. */
export function describeFailedCopy(failed: FailedCopy): string {
  const { source } = failed.request
  const record = recordOf(failed)
  const name = formatImageName(source)
  if (record.code === 'IMAGE_NOT_FOUND' || (record.cause?.code === 'IMAGE_NOT_FOUND' && record.name === 'CopyError')) {
    return name.startsWith('docker://') ? `initializing source ${name}: reading manifest ${source.reference} in ${source.registry}/${source.repository}: manifest unknown` : `initializing source ${name}: ${describeFailure(record)}`
  }
  if (failed.error !== undefined && !failed.record) return `initializing source ${name}: ${goWords(failed.error)}`
  const hint = failed.hint ?? hintFor(record)
  return `${describeFailure(record)}${hint === '' ? '' : ` (${hint})`}`
}
