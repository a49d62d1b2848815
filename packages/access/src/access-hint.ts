// What a file of another tool says about its registries stands between the flags, which override it, and what this machine keeps.
import { type Credentials, createHelper, type Keychain } from '@longshore/credentials'

/** As `@longshore/spec` reads them. Secrets: never logged, stored or sent on. */
export interface AccessHint {
  readonly registry: string
  readonly prefix?: string
  readonly side?: 'source' | 'destination'
  readonly credentials?: Credentials | { readonly kind: 'helper'; readonly suffix: string } | { readonly kind: 'none' }
  readonly tlsVerify?: boolean
  readonly certDir?: string
  readonly origin: string
}

/** Those that speak of this registry at this side. */
export function hintsFor(hints: readonly AccessHint[], side: 'source' | 'destination', registry: string): readonly AccessHint[] {
  return hints.filter((hint) => hint.registry === registry && (hint.side === undefined || hint.side === side))
}

/** The longest prefix counts; where no hint has credentials, `otherwise` is asked. */
export function hintedKeychain(hints: readonly AccessHint[], side: 'source' | 'destination', otherwise: Keychain, env: Readonly<Record<string, string | undefined>>): Keychain {
  const speaking = hints.filter(({ credentials }) => credentials !== undefined)
  if (speaking.length === 0) return otherwise
  const helpers = new Map<string, ReturnType<typeof createHelper>>()
  return {
    async credentialsFor(registry, repository = '') {
      const covers = ({ prefix = '' }: AccessHint): boolean => prefix === '' || repository === prefix || repository.startsWith(`${prefix}/`)
      const [best] = hintsFor(speaking, side, registry).filter(covers).toSorted((a, b) => (b.prefix ?? '').length - (a.prefix ?? '').length)
      const credentials = best?.credentials
      switch (credentials?.kind) {
        case undefined: return await otherwise.credentialsFor(registry, repository)
        case 'none': return undefined
        case 'helper': {
          const { suffix } = credentials
          const helper = helpers.get(suffix) ?? createHelper(suffix, best?.origin ?? '', env)
          helpers.set(suffix, helper)
          return await helper(registry)
        }
        case 'basic':
        case 'identity-token':
        case 'registry-token': return credentials
      }
    },
  }
}
