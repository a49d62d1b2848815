// Faults are scripted: the next `times` requests that match go wrong in one way. They apply after authorisation, so a
// challenge does not use one up.
import { type LoggedRequest, matchesRequest, type RequestFilter } from './request.ts'

export type Fault =
  /** The connection is destroyed before anything is answered. */
  | { readonly kind: 'drop' }
  /** The connection is destroyed after so many bytes of the request's body, or where it has none, of the response's. */
  | { readonly kind: 'drop-after'; readonly bytes: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The work is done, then this is answered in place of success. */
  | { readonly kind: 'status-after-commit'; readonly status: number }
  /** One bit of the response's body is wrong. */
  | { readonly kind: 'wrong-digest' }
  /** Half of what Content-Length promises, then the end. */
  | { readonly kind: 'truncated' }
  /** 202 opens a session, as the specification has it; the others are what products answer. */
  | { readonly kind: 'refuse-mount'; readonly status: 202 | 401 | 403 | 404 | 405 }
  | { readonly kind: 'one-byte-chunks' }
  /** With `dropAfter` the connection is destroyed after so many bytes of the response's body. */
  | { readonly kind: 'slow-drip'; readonly bytesPerSecond: number; readonly dropAfter?: number }
  /** The headers, where there is a body to follow; then nothing, until the client gives up. */
  | { readonly kind: 'stall' }
  /** 200 and a page for people, as a captive portal answers. */
  | { readonly kind: 'html' }
  /** The upload session is unknown from here on. */
  | { readonly kind: 'forget-upload' }
  /** Every token given so far is no longer good, beginning with this request's. */
  | { readonly kind: 'expire-tokens' }
  /** The JSON of the answer stops half-way, with a Content-Length that agrees. */
  | { readonly kind: 'truncated-list' }

export interface FaultRule {
  readonly match: RequestFilter
  /** Default 1. */
  readonly times?: number
  readonly how: Fault
}

export class FaultScript {
  readonly #rules: { rule: FaultRule; left: number }[] = []

  add(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 })
  }

  clear(): void {
    this.#rules.length = 0
  }

  /** The first rule that matches and is not used up; using it. */
  take(request: LoggedRequest): Fault | undefined {
    const found = this.#rules.find((entry) => entry.left > 0 && matchesRequest(entry.rule.match, request))
    if (!found) return undefined
    found.left--
    return found.rule.how
  }
}
