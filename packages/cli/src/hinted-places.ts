// What the files say about reaching registries, where it cannot be passed on: only the places are named.
import type { AccessHint } from '@longshore/access'
import { UsageError } from './usage-error.ts'

/** Where credentials or certificates are given. */
export function secretPlaces(hints: readonly AccessHint[]): readonly string[] {
  return [...new Set(hints.filter(({ credentials, certDir }) => credentials !== undefined || certDir !== undefined).map(({ registry, origin }) => `${registry} (${origin})`))]
}

interface InsecurePlace { readonly hint: AccessHint; readonly flags: readonly string[] }

/** Where TLS is switched off and no flag says so, and the flags that would. */
export function insecurePlaces(hints: readonly AccessHint[], given: { readonly srcTlsVerify: boolean | undefined; readonly destTlsVerify: boolean | undefined }): readonly InsecurePlace[] {
  return hints.filter(({ tlsVerify }) => tlsVerify === false).flatMap((hint) => {
    const flags = [
      ...(hint.side !== 'destination' && given.srcTlsVerify === undefined ? ['--src-tls-verify=false'] : []), ...(hint.side !== 'source' && given.destTlsVerify === undefined ? ['--dest-tls-verify=false'] : []),
    ]
    return flags.length === 0 ? [] : [{ hint, flags }]
  })
}

/** @throws UsageError */
export function refuseInsecure(places: readonly InsecurePlace[], whom: string): void {
  const [first] = places
  if (!first) return
  const flags = [...new Set(places.flatMap((place) => place.flags))].join(', ')
  throw new UsageError(`${first.hint.origin} switches the verification of TLS off for ${first.hint.registry}, and ${whom} know one way for all of a side: say it with ${flags} (or =true to verify after all)`)
}
