import type { ErrorRecord } from '@longshore/oci'

/** Of the language and the runtime: their codes are no names in docs/errors.md. */
const foreign = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'AggregateError', 'DOMException', 'AbortError', 'SystemError'])

/** An answer to HEAD says no code; these statuses say it by themselves. */
const byStatus: Readonly<Record<string, string>> = { HTTP_401: 'UNAUTHORIZED', HTTP_403: 'DENIED', HTTP_429: 'TOOMANYREQUESTS' }

/**
 * The code by which a person looks an error up: the innermost that says what went wrong. Where it happened (COPY_FAILED) does
 * not say it, nor does what lies under a failed connection; and what we found out ourselves says more than the answer behind it.
 */
export function codeOf(record: ErrorRecord): string {
  let code = record.code
  for (let at: ErrorRecord | undefined = record; at; at = at.cause) {
    if (at.name !== 'CopyError' && (!foreign.has(at.name) || code === 'COPY_FAILED')) code = at.code
    if (at.name === 'ConnectionError' || at.code === 'CONTENT_REFUSED') break
  }
  return byStatus[code] ?? code
}
