// One registries.conf: TOML, its shape, and what containers/image's `postProcessRegistries` demands of it.
import { InvalidReferenceError, splitReference } from '@longshore/oci'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { type ConfEndpoint, type ConfEntry, type ConfFile, type ConfMirror, pullFromMirror, type ShortNameMode, shortNameModes } from './entry.ts'
import { RegistriesConfError } from './errors.ts'
import { linesOf } from './lines.ts'

const endpoint = { location: z.string().optional(), insecure: z.boolean().optional(), proxy: z.string().optional(), 'pull-from-mirror': z.enum(['', ...pullFromMirror]).optional() }
const v1List = z.looseObject({ registries: z.array(z.string()).optional() }).optional()
// Unknown keys pass, as upstream lets them: a newer podman's file is read by an older one.
const schema = z.looseObject({
  'unqualified-search-registries': z.array(z.string()).optional(),
  'credential-helpers': z.array(z.string()).optional(),
  'short-name-mode': z.enum(['', ...shortNameModes]).optional(),
  aliases: z.record(z.string(), z.string()).optional(),
  registry: z.array(z.looseObject({
    ...endpoint, prefix: z.string().optional(), blocked: z.boolean().optional(), 'mirror-by-digest-only': z.boolean().optional(),
    mirror: z.array(z.looseObject(endpoint)).optional(),
  })).optional(),
  registries: z.looseObject({ search: v1List, insecure: v1List, block: v1List }).optional(),
})
type Written = z.infer<typeof schema>
type WrittenEntry = NonNullable<Written['registry']>[number]
type WrittenEndpoint = Pick<WrittenEntry, 'location' | 'insecure' | 'proxy'>

/** @throws RegistriesConfError with every fault of the file */
export function parseRegistriesConf(path: string, text: string): ConfFile {
  const lineOf = linesOf(text)
  const faults: Array<{ readonly line: number; readonly message: string }> = []
  const fault = (at: readonly PropertyKey[], message: string): void => { faults.push({ line: lineOf(at), message }) }
  const { success, data, error } = schema.safeParse(read(path, text))
  if (!success) for (const issue of error.issues) fault(issue.path, `${issue.path.map(String).join('.')}: ${issue.message}`)
  const written: Written = data ?? {}
  refuseVersion1(written, fault)
  const entries = firstOfEachPrefix((written.registry ?? []).map((entry, i) => toEntry(entry, i, `${path}:${lineOf(['registry', i])}`, fault)))
  refuseConflicts(entries, path, faults)
  const searchRegistries = written['unqualified-search-registries']?.map((host, i) => {
    const name = toLocation(host, ['unqualified-search-registries', i], fault)
    if (!/^(?:[\w-]+(?:\.[\w-]+)*|\[[\da-fA-F:]+\])(?::\d+)?$/.test(name)) fault(['unqualified-search-registries', i], `"${host}" is no host[:port] to search images at`)
    return name
  })
  for (const [name, value] of Object.entries(written.aliases ?? {})) checkAlias(name, value, fault)
  if (faults.length > 0) throw new RegistriesConfError(faults.map(({ line, message }) => `${path}:${line}: ${message}`).join('\n'))
  const mode = written['short-name-mode']
  return {
    path, entries, searchRegistries, credentialHelpers: written['credential-helpers'],
    shortNameMode: mode === '' ? undefined : mode satisfies ShortNameMode | undefined,
    aliases: new Map(Object.entries(written.aliases ?? {})),
  }
}

function read(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The first line says what; those below quote the file.
    throw new RegistriesConfError(`${path}:${error.line}:${error.column}: this is no TOML: ${error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? ''}`, error)
  }
}

type Fault = (at: readonly PropertyKey[], message: string) => void

/** Lists that are all empty say nothing, and stood in the default file of distributions for years. */
function refuseVersion1({ registries }: Written, fault: Fault): void {
  for (const name of ['search', 'insecure', 'block'] as const) {
    if ((registries?.[name]?.registries ?? []).length === 0) continue
    const now = name === 'search' ? 'unqualified-search-registries = ["HOST"]' : `[[registry]] with location = "HOST" and ${name === 'insecure' ? 'insecure' : 'blocked'} = true`
    fault([`registries.${name}`], `[registries.${name}] is the format's version 1, which is not read any more: write ${now}`)
  }
}

function toEntry(entry: WrittenEntry, i: number, where: string, fault: Fault): ConfEntry {
  const at = ['registry', i]
  const main = toEndpoint(entry, at, fault)
  const prefix = toLocation(entry.prefix ?? '', [...at, 'prefix'], fault) || main.location
  const wild = prefix.startsWith('*.')
  if (prefix === '') fault(at, '[[registry]] has neither prefix nor location: give it one')
  else if (main.location === '' && !wild) fault(at, `location is missing: only a prefix like *.example.com goes without, "${prefix}" does not`)
  if (wild && /[/@:]/.test(prefix)) fault([...at, 'prefix'], `a prefix with a wildcard is *.example.com, without port or path: "${prefix}" is not`)
  if ((entry['pull-from-mirror'] ?? '') !== '') fault([...at, 'pull-from-mirror'], 'pull-from-mirror is for a [[registry.mirror]], not for the registry itself')
  const byDigestOnly = entry['mirror-by-digest-only'] ?? false
  const mirrors = (entry.mirror ?? []).map((mirror, j): ConfMirror => {
    const place = [...at, 'mirror', j]
    const pull = mirror['pull-from-mirror'] ?? ''
    if ((mirror.location ?? '') === '') fault(place, '[[registry.mirror]] has no location')
    if (byDigestOnly && pull !== '') fault([...place, 'pull-from-mirror'], `mirror-by-digest-only of registry "${prefix}" and pull-from-mirror of its mirror exclude each other`)
    return { ...toEndpoint(mirror, place, fault), pull: byDigestOnly ? 'digest-only' : pull || 'all' }
  })
  return { ...main, prefix, blocked: entry.blocked ?? false, mirrors, where }
}

function toEndpoint({ location = '', insecure = false, proxy = '' }: WrittenEndpoint, at: readonly PropertyKey[], fault: Fault): ConfEndpoint {
  // Whoever asks for a proxy must not be given a direct connection in its place.
  if (proxy !== '' && !/^https?:\/\/[^/]/.test(proxy)) fault([...at, 'proxy'], 'proxy is not http://HOST or https://HOST: other proxies (SOCKS) are not taken')
  return { location: toLocation(location, [...at, 'location'], fault), insecure, ...(proxy === '' ? {} : { proxy }) }
}

function toLocation(text: string, at: readonly PropertyKey[], fault: Fault): string {
  if (/^https?:\/\//.test(text)) fault(at, `"${text}" has a scheme: write host[:port][/path]; for plain HTTP say insecure = true`)
  return text.replace(/\/+$/, '')
}

/** Upstream cannot refuse the second of a kind any more without breaking users, and leaves it out. */
function firstOfEachPrefix(entries: readonly ConfEntry[]): readonly ConfEntry[] {
  const first = new Map<string, ConfEntry>()
  for (const entry of entries) if (!first.has(entry.prefix)) first.set(entry.prefix, entry)
  return [...first.values()]
}

function refuseConflicts(entries: readonly ConfEntry[], path: string, faults: Array<{ readonly line: number; readonly message: string }>): void {
  const first = new Map<string, ConfEntry>()
  for (const entry of entries) {
    const place = entry.location || entry.prefix
    const earlier = first.get(place) ?? entry
    first.set(place, earlier)
    for (const setting of ['insecure', 'blocked', 'proxy'] as const) {
      if (earlier[setting] === entry[setting]) continue
      faults.push({ line: Number(entry.where.slice(path.length + 1)), message: `registry "${place}" is defined multiple times with conflicting '${setting}' setting: ${earlier.where} says otherwise` })
    }
  }
}

function checkAlias(name: string, value: string, fault: Fault): void {
  const at = ['aliases', name]
  try {
    const short = splitReference(name)
    if (short.registry !== undefined || short.tag !== undefined || short.digest !== undefined) fault(at, `the alias "${name}" is no short name: it must have neither registry nor tag nor digest`)
    if (value === '') return
    const full = splitReference(value)
    if (full.registry === undefined || full.tag !== undefined || full.digest !== undefined) fault(at, `the alias "${name}" stands for "${value}": it must be a registry and a repository, without tag and digest`)
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    fault(at, error.message)
  }
}
