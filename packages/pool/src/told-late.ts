import type { ErrorRecord } from '@longshore/oci'
import { secondTry } from '@longshore/transfer'

/** Whether whoever met this failure keeps it to itself, as it may pass. */
export function isToldLate(error: ErrorRecord): boolean { return secondTry(error, true) !== undefined }
