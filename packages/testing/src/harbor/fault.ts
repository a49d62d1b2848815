// Faults are scripted, as the embedded registry's are: the next `times` requests that match go wrong in one way. In front of the registry
// they apply after authorisation, so a challenge does not use one up; in front of the API, before its handlers look at the caller.
import { type HarborFilter, type HarborRequest, matchesHarborRequest } from './request.ts'

export type HarborFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The connection is destroyed before anything is answered. */
  | { readonly kind: 'drop' }
  /** Of the API and the token service: the work is done, then the connection is destroyed in place of an answer. */
  | { readonly kind: 'drop-after-commit' }
  /** Answered as usual, so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** 200 and a page for people, as a proxy in front answers. */
  | { readonly kind: 'html' }

export interface HarborFaultRule {
  readonly match: HarborFilter
  /** Default 1. */
  readonly times?: number
  readonly how: HarborFault
}

export class HarborFaultScript {
  readonly #rules: { readonly rule: HarborFaultRule; left: number }[] = []

  add(rule: HarborFaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 })
  }

  clear(): void {
    this.#rules.length = 0
  }

  /** The first rule that matches and is not used up; using it. */
  take(request: HarborRequest): HarborFault | undefined {
    const found = this.#rules.find((entry) => entry.left > 0 && matchesHarborRequest(entry.rule.match, request))
    if (!found) return undefined
    found.left--
    return found.rule.how
  }
}
