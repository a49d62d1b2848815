// Harbor's errors: `{"errors":[{"code","message"}]}`, each code with one status.
// https://github.com/goharbor/harbor/blob/v2.12.0/src/lib/http/error.go

const statuses = {
  BAD_REQUEST: 400, DIGEST_INVALID: 400, MANIFEST_INVALID: 400, UNSUPPORTED: 400, UNAUTHORIZED: 401, FORBIDDEN: 403, DENIED: 403, NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405, CONFLICT: 409, PRECONDITION: 412, PROJECTPOLICYVIOLATION: 412, VIOLATE_FOREIGN_KEY_CONSTRAINT: 412,
  UNPROCESSABLE_ENTITY: 422, UNKNOWN: 500,
} as const

export type HarborErrorCode = keyof typeof statuses

/** Refuses a request with Harbor's JSON. */
export class HarborRefusal extends Error {
  readonly status: number
  readonly code: HarborErrorCode
  readonly headers: Readonly<Record<string, string>>
  constructor(code: HarborErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = statuses[code]
    this.code = code
    this.headers = headers
  }
}

export function badRequest(message: string): HarborRefusal {
  return new HarborRefusal('BAD_REQUEST', message)
}

/** What the validation that go-swagger generates says. */
export function unprocessable(message: string): HarborRefusal {
  return new HarborRefusal('UNPROCESSABLE_ENTITY', `validation failure list:\n${message}`)
}

export function notFound(message: string): HarborRefusal {
  return new HarborRefusal('NOT_FOUND', message)
}

export function conflict(message: string): HarborRefusal {
  return new HarborRefusal('CONFLICT', message)
}

/** Harbor's own wording: the kind of error, then its cause. */
export function precondition(message: string): HarborRefusal {
  return new HarborRefusal('PRECONDITION', message)
}
