// Tokens by scope. A scope that is asked for again gets a new token when its own is stale; those of scopes that never are again (a
// pair of repositories that was mounted once) would stay for ever, so that whoever comes puts out what has expired before.
import type { Scope } from './scope.ts'
import type { Token } from './token.ts'

/** At some KiB each. Beyond, the oldest goes although it is good. */
export const maxTokens = 2048

export class TokenCache {
  /** In the order they came, which is nearly that in which they expire: a sweep looks at what it removes, and at one more. */
  readonly #tokens = new Map<Scope, Token>()

  get size(): number { return this.#tokens.size }

  get(scope: Scope): Token | undefined { return this.#tokens.get(scope) }
  delete(scope: Scope): void { this.#tokens.delete(scope) }

  /** `nowMs` on the monotonic clock. */
  set(scope: Scope, token: Token, nowMs: number): void {
    this.#tokens.delete(scope)
    for (const [other, { staleAtMs }] of this.#tokens) {
      if (staleAtMs > nowMs && this.#tokens.size < maxTokens) break
      this.#tokens.delete(other)
    }
    this.#tokens.set(scope, token)
  }
}
