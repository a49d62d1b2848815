// All files together, and the questions that they answer.
import { isDigest, type RepositoryName, splitReference } from '@longshore/oci'
import type { ConfEndpoint, ConfEntry, ConfFile, ShortNameMode } from './entry.ts'
import { RegistriesConfError, RegistryBlockedError } from './errors.ts'
import { longestMatch, matchLength, rewritten } from './match.ts'

/** A repository where it is named, or where it really is. */
export interface Place { readonly registry: string; readonly repository: RepositoryName }

/** Where a repository may be read from. */
export interface PullSource extends Place {
  readonly insecure: boolean
  readonly proxy?: string
  /** A copy that may lack things; otherwise the primary. */
  readonly isMirror: boolean
  /** Must not be asked. */
  readonly blocked?: RegistryBlockedError
}

export interface RegistriesConf {
  /** The files that were read, in order. */
  readonly files: readonly string[]
  /** By prefix. */
  readonly entries: readonly ConfEntry[]
  readonly searchRegistries: readonly string[]
  /** In the order in which they are asked; `containers-auth.json` are the auth files. */
  readonly credentialHelpers: readonly string[]
  readonly shortNameMode: ShortNameMode
  /** Whether anything is said of this registry, or of a part of it. */
  concerns(registry: string): boolean
  /** Every host that reading and writing at this registry may lead to, itself among them. */
  hostsOf(registry: string): ReadonlySet<string>
  /** The mirrors that may be asked for `reference` (a tag or a digest), then the primary. @throws RegistriesConfError */
  sourcesOf(image: Place & { readonly reference: string }): readonly PullSource[]
  /** The primary alone. @throws RegistriesConfError */
  rewrite(place: Place): PullSource
  /** The reason why neither reading nor writing is allowed. */
  isBlocked(place: Place): RegistryBlockedError | undefined
  /** Whether TLS is not to be checked where the name itself is spoken to, as in writing. */
  insecure(place: Place): boolean
  /** The proxy for speaking to the name itself. */
  proxy(place: Place): string | undefined
  /** The full name for which a short one stands. */
  alias(name: string): string | undefined
}

/** Later files overrule earlier ones: entries by prefix, aliases by name, lists and modes as a whole. */
export function mergeFiles(files: readonly ConfFile[]): RegistriesConf {
  const byPrefix = new Map<string, ConfEntry>()
  const aliases = new Map<string, string>()
  for (const file of files) {
    for (const entry of file.entries) byPrefix.set(entry.prefix, entry)
    for (const [name, value] of file.aliases) aliases.set(name, value)
  }
  const last = <T>(get: (file: ConfFile) => T | undefined): T | undefined => files.map(get).findLast((value) => value !== undefined)
  const helpers = last((file) => file.credentialHelpers) ?? []
  const entries = [...byPrefix.values()].toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1))
  return {
    files: files.map(({ path }) => path), entries,
    searchRegistries: last((file) => file.searchRegistries) ?? [],
    credentialHelpers: helpers.length === 0 ? ['containers-auth.json'] : helpers,
    shortNameMode: last((file) => file.shortNameMode) ?? 'permissive',
    concerns: (registry) => entries.some((entry) => covers(entry, registry)),
    hostsOf: (registry) => hostsOf(entries, registry),
    sourcesOf: ({ reference, ...place }) => sourcesOf(entries, place, isDigest(reference)),
    rewrite: (place) => primaryOf(entries, longestMatch(entries, nameOf(place)), place),
    isBlocked: (place) => blockedBy(longestMatch(entries, nameOf(place))),
    insecure: (place) => longestMatch(entries, nameOf(place))?.insecure ?? false,
    proxy: (place) => longestMatch(entries, nameOf(place))?.proxy,
    alias: (name) => aliases.get(name) || undefined,
  }
}

function nameOf({ registry, repository }: Place): string { return repository === '' ? registry : `${registry}/${repository}` }

/** The entry is about the registry, or about something in it. */
function covers({ prefix }: ConfEntry, registry: string): boolean { return matchLength(registry, prefix) >= 0 || prefix.startsWith(`${registry}/`) }

function hostsOf(entries: readonly ConfEntry[], registry: string): ReadonlySet<string> {
  const hosts = new Set([registry])
  for (const entry of entries) {
    if (!covers(entry, registry)) continue
    for (const { location } of [...entry.mirrors, entry]) {
      const inside = matchLength(registry, entry.prefix) < 0
      const [host] = (inside ? location : rewritten(registry, entry.prefix, location)).split('/')
      if (host !== undefined && host !== '') hosts.add(host)
    }
  }
  return hosts
}

function sourcesOf(entries: readonly ConfEntry[], place: Place, byDigest: boolean): readonly PullSource[] {
  const entry = longestMatch(entries, nameOf(place))
  const mirrors = (entry?.mirrors ?? []).filter(({ pull }) => pull === 'all' || (pull === 'digest-only') === byDigest)
  return [...mirrors.map((mirror) => at(entries, entry, mirror, place, true)), primaryOf(entries, entry, place)]
}

function primaryOf(entries: readonly ConfEntry[], entry: ConfEntry | undefined, place: Place): PullSource {
  return at(entries, entry, entry ?? { location: '', insecure: false }, place, false)
}

function at(entries: readonly ConfEntry[], entry: ConfEntry | undefined, { location, insecure, proxy }: ConfEndpoint, place: Place, isMirror: boolean): PullSource {
  const name = nameOf(place)
  const real = entry ? rewritten(name, entry.prefix, location) : name
  const there = real === name ? place : toPlace(real, name, entry)
  // Upstream looks up the place that is asked. What was written over the name itself holds for its primary too, wherever that is.
  const blocked = blockedBy(longestMatch(entries, nameOf(there))) ?? (isMirror ? undefined : blockedBy(entry))
  return { ...there, insecure, isMirror, ...(proxy === undefined ? {} : { proxy }), ...(blocked === undefined ? {} : { blocked }) }
}

function toPlace(real: string, name: string, entry: ConfEntry | undefined): Place {
  try {
    const { registry, repository, tag, digest } = splitReference(real)
    if (registry !== undefined && tag === undefined && digest === undefined) return { registry, repository }
  } catch {
    // Said below, with the file.
  }
  throw new RegistriesConfError(`${entry?.where ?? 'registries.conf'}: ${name} becomes ${real}, which is no registry and repository: correct the location (a host has a dot or a port)`)
}

function blockedBy(entry: ConfEntry | undefined): RegistryBlockedError | undefined {
  return entry?.blocked === true ? new RegistryBlockedError(entry.prefix, entry.where) : undefined
}
