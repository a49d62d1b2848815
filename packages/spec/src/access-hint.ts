// What a file of another tool says about reaching registries. It goes beside the migration to whoever opens connections in this
// process, and nowhere else: not to Redis, a log, an error or `convert`.
import { isDeepStrictEqual } from 'node:util'
import type { Problem } from './spec-error.ts'

export type HintCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly username?: string; readonly token: string }
  /** A program that speaks Docker's helper protocol: `ecr-login` is docker-credential-ecr-login. */
  | { readonly kind: 'helper'; readonly suffix: string }
  /** None, whatever is stored. */
  | { readonly kind: 'none' }

export interface AccessHint {
  /** `host[:port]` */
  readonly registry: string
  /** Only for repositories below this path; of several the longest counts. Empty or absent: all of the registry. */
  readonly prefix?: string
  /** Only where the registry is this end; absent: both. */
  readonly side?: 'source' | 'destination'
  readonly credentials?: HintCredentials
  /** False also allows plain HTTP. */
  readonly tlsVerify?: boolean
  readonly certDir?: string
  /** Where it was written, for messages. */
  readonly origin: string
}

/** The places whose credentials are among the hints: to be named in place of them. */
export function credentialPlaces(hints: readonly AccessHint[]): readonly string[] {
  return [...new Set(hints.filter(({ credentials }) => credentials !== undefined && credentials.kind !== 'none').map(({ registry, prefix = '' }) => (prefix === '' ? registry : `${registry}/${prefix}`)))]
}

/** Hints of several files together, and what they contradict each other in: one connection has one way of checking certificates. */
export function uniteHints(hints: readonly AccessHint[]): { readonly access: readonly AccessHint[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const access: AccessHint[] = []
  const overlap = (a: AccessHint, b: AccessHint): boolean => a.registry === b.registry && (a.side === undefined || b.side === undefined || a.side === b.side)
  for (const hint of hints) {
    const others = access.filter((one) => overlap(one, hint))
    const differs = others.find((one) => (hint.tlsVerify !== undefined && one.tlsVerify !== undefined && one.tlsVerify !== hint.tlsVerify) || (hint.certDir !== undefined && one.certDir !== undefined && one.certDir !== hint.certDir))
    const twice = others.find((one) => (one.prefix ?? '') === (hint.prefix ?? '') && one.credentials && hint.credentials && !isDeepStrictEqual(one.credentials, hint.credentials))
    if (differs) problems.push({ file: hint.origin, message: `${hint.registry} is reached in another way than at ${differs.origin}: its certificate is checked in one way for all of it` })
    else if (twice) problems.push({ file: hint.origin, message: `other credentials for ${hint.registry}${hint.prefix === undefined ? '' : `/${hint.prefix}`} are at ${twice.origin}: leave one of them out` })
    access.push(hint)
  }
  return { access, problems }
}
