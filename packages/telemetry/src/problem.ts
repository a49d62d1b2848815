// Errors as answers: RFC 9457, with `code`, the name under which docs/errors.md has it.
import { STATUS_CODES } from 'node:http'
import { MigrationError } from '@longshore/oci'
import { RequestError, RequestInvalidError, ServerBusyError } from './errors.ts'

export const problemType = 'application/problem+json'

export interface Problem {
  /** `urn:longshore:error:CODE`. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly [fact: string]: unknown
}

export interface ProblemAnswer { readonly problem: Problem; readonly headers: Readonly<Record<string, string>> }

/** What errors of the domain are as answers; `undefined` where one is none. */
export type Answers = (error: MigrationError) => { readonly status: number; readonly facts?: Readonly<Record<string, unknown>> } | undefined

/** `undefined`: an error that nobody foresaw; it is logged, and told without its words. */
export function toProblem(error: unknown, answers: Answers): ProblemAnswer | undefined {
  const known = error instanceof MigrationError ? error : fromFastify(error)
  if (!known) return undefined
  if (known instanceof RequestError) return { problem: problemOf(known.status, known.code, known.message, known.facts), headers: known.headers }
  const answer = answers(known)
  return answer && { problem: problemOf(answer.status, known.code, known.message, answer.facts), headers: {} }
}

export function problemOf(status: number, code: string, detail: string, facts: Readonly<Record<string, unknown>> = {}): Problem {
  return { type: `urn:longshore:error:${code}`, title: STATUS_CODES[status] ?? 'Error', status, detail, code, ...facts }
}

/** What fastify itself says no to, in our words. */
function fromFastify(error: unknown): RequestError | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new RequestInvalidError(413, 'the body is larger than what is taken here')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new RequestInvalidError(415, 'this content type is not taken here')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': return new RequestInvalidError(400, 'the body is not as long as Content-Length says')
    case 'FST_ERR_BAD_URL': return new RequestInvalidError(400, 'the path is not valid: a % is followed by something that is no code of a character')
    case 'FST_ERR_HANDLER_TIMEOUT': return new ServerBusyError('no answer could be found in time: Redis may be away, or the server overloaded; ask again')
    default: return undefined
  }
}
