import type { ErrorRecord } from '@longshore/oci'
import { ImageNotFoundError } from './errors.ts'
import { formatEnd, type Image } from './image.ts'

/** Whether an image failed because the very reference that was asked for is not at the source (any more), rather than a part of it. */
export function isGone({ source }: Image, error: ErrorRecord): boolean {
  const { code, message } = new ImageNotFoundError(formatEnd(source), 'source')
  return error.code === code && error.message === message
}
