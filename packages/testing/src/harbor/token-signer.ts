// Harbor's tokens for /v2/: JWTs that its core gives and checks itself; the registry behind never sees them.
// https://github.com/goharbor/harbor/blob/v2.12.0/src/core/service/token/authutils.go
import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'

export interface TokenAccess { readonly type: string; readonly name: string; readonly actions: readonly string[] }

interface Claims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly exp: number
  readonly nbf: number
  readonly access: readonly TokenAccess[]
}

export const tokenService = 'harbor-registry'
const issuer = 'harbor-token-issuer'

export class TokenSigner {
  readonly #key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  readonly #public = createPublicKey(this.#key)
  /** Every one so far: to see that they are nowhere else. */
  readonly given: string[] = []
  #generation = 0

  give(subject: string, access: readonly TokenAccess[], ttlMs: number): { readonly token: string; readonly issuedAt: Date } {
    const now = Date.now()
    const claims = {
      iss: issuer, sub: subject, aud: tokenService, exp: Math.floor((now + ttlMs) / 1000), nbf: Math.floor(now / 1000), iat: Math.floor(now / 1000),
      jti: randomBytes(12).toString('base64url'), access, generation: this.#generation,
    }
    const content = [{ typ: 'JWT', alg: 'RS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const token = `${content}.${sign('sha256', Buffer.from(content), this.#key).toString('base64url')}`
    this.given.push(token)
    return { token, issuedAt: new Date(now) }
  }

  /** undefined: not ours, altered, not for this service, or dead. */
  verify(token: string): Claims | undefined {
    const [header = '', payload = '', signature = ''] = token.split('.')
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), this.#public, Buffer.from(signature, 'base64url'))) return undefined
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims & { readonly generation: number }
    const isGood = claims.iss === issuer && claims.aud === tokenService && claims.exp > Date.now() / 1000 && claims.generation === this.#generation
    return isGood ? claims : undefined
  }

  /** Those given so far are no longer good. */
  expireAll(): void {
    this.#generation++
  }
}
