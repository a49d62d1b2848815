// dregsy's file: tasks, each from one registry to another, with mappings of paths. README and doc/design-image-matching.md of xelalexv/dregsy.
import { isDigest, parsePlatform, parseRepositoryName } from '@longshore/oci'
import { z } from 'zod'
import type { HintCredentials } from './access-hint.ts'
import { dregsySelection, wholeRegex } from './dregsy-tags.ts'
import type { Path, SpecDocument } from './document.ts'
import { anything, checkDocument, explain, Findings, flag, text, texts } from './foreign-file.ts'
import { goRegex, goReplacement } from './go-regex.ts'
import { type ContentOptions, defaultContent, type Destination, type EntrySource, type RenameRule } from './migration.ts'
import { rename } from './naming.ts'
import type { ParsedSpec, ParseOptions } from './parse-options.ts'
import { joinPath, parsePlace, type Place, repositoryAt } from './place.ts'
import { quoted } from './spec-error.ts'

const locationSchema = z.strictObject({
  registry: text, auth: text.nullish(), 'skip-tls-verify': flag.nullish(), 'auth-refresh': anything.optional(), lister: z.looseObject({ type: text.nullish() }).nullish(),
})
const mappingSchema = z.strictObject({ from: text, to: text.nullish(), tags: texts.nullish(), platform: text.nullish(), digests: texts.nullish(), 'preserve-digests': flag.nullish() })
const schema = z.strictObject({
  relay: anything.optional(), skopeo: anything.optional(), docker: anything.optional(), dockerhost: anything.optional(), 'api-version': anything.optional(), lister: anything.optional(), watch: anything.optional(),
  tasks: z.array(z.strictObject({ name: text, interval: anything.optional(), verbose: anything.optional(), source: locationSchema, target: locationSchema, mappings: z.array(mappingSchema) })),
})
type Location = z.output<typeof locationSchema>
type Mapping = z.output<typeof mappingSchema>

/** @throws SpecError */
export function parseDregsy(file: string, document: SpecDocument, options: ParseOptions): ParsedSpec {
  const findings = new Findings(file, document)
  const config = checkDocument(file, document, schema)
  for (const key of ['relay', 'docker', 'dockerhost', 'api-version'] as const) if (config[key] != null) findings.leaveOut([key], `${key} is left out: Longshore moves the images itself`)
  if (config.skopeo != null) findings.leaveOut(['skopeo'], 'skopeo is left out: Longshore moves the images itself; certificates are read from certs.d, or give --src-cert-dir and --dest-cert-dir')
  if (config.lister != null) findings.leaveOut(['lister'], 'lister is left out: the whole catalog is read, at each run')
  if (config.watch != null) findings.leaveOut(['watch'], 'watch is left out: a run is once')
  if (config.tasks.length === 0) findings.warn([], 'names no images')
  for (const [index, task] of config.tasks.entries()) {
    const path = ['tasks', index]
    if (task.interval != null) findings.leaveOut([...path, 'interval'], 'interval is left out: a run is once')
    if (task.verbose != null) findings.leaveOut([...path, 'verbose'], 'verbose is left out: --debug tells more')
    const source = readLocation(findings, [...path, 'source'], task.source, 'source')
    const target = readLocation(findings, [...path, 'target'], task.target, 'destination')
    for (const [at, mapping] of task.mappings.entries()) if (source && target) readMapping(findings, [...path, 'mappings', at], mapping, source, target, options)
  }
  if (options.to !== undefined) findings.warn([], 'says itself where each image goes: --to is not used')
  return findings.end()
}

function readLocation(findings: Findings, path: Path, { registry, auth, 'skip-tls-verify': skipsTls, 'auth-refresh': refresh, lister }: Location, side: 'source' | 'destination'): Place | undefined {
  const place = findings.try([...path, 'registry'], () => parsePlace(registry))
  if (refresh != null) findings.leaveOut([...path, 'auth-refresh'], 'auth-refresh is left out: name docker-credential-ecr-login in the auth file, which is asked as often as it takes')
  if (lister?.type != null && lister.type !== 'catalog') findings.problem([...path, 'lister'], `lister ${quoted(lister.type)}: repositories are found in the registry's own catalog only; name them`)
  const credentials = auth == null || auth === '' ? undefined : findings.try([...path, 'auth'], () => credentialsOf(auth))
  if (place && (credentials || skipsTls === true)) {
    findings.access.push({ registry: place.registry, side, origin: findings.place(path), ...(credentials && { credentials }), ...(skipsTls === true && { tlsVerify: false }) })
  }
  return place
}

/** Base64 of `{"username": …, "password": …}`, or `none`. @throws SyntaxError that shows nothing of it */
function credentialsOf(auth: string): HintCredentials {
  if (auth === 'none') return { kind: 'none' }
  try {
    const value = JSON.parse(Buffer.from(auth, 'base64').toString('utf8')) as { readonly username?: unknown; readonly password?: unknown } | null
    if (typeof value?.username === 'string' && typeof value.password === 'string') return { kind: 'basic', username: value.username, password: value.password }
  } catch { /* Told below, without a piece of it. */ }
  throw new SyntaxError('auth is not the base64 of {"username": "…", "password": "…"}')
}

function readMapping(findings: Findings, path: Path, mapping: Mapping, source: Place, target: Place, options: ParseOptions): void {
  const { from, to, tags, digests } = mapping
  const wanted = (digests ?? []).flatMap((digest, index) => {
    if (!isDigest(digest)) findings.problem([...path, 'digests', index], `${quoted(digest)} is not a valid digest (sha256: and 64 lower-case hex digits)`)
    return isDigest(digest) ? [{ reference: digest }] : []
  })
  const isCatalog = from.startsWith('regex:')
  if (isCatalog && wanted.length > 0) findings.keyProblem([...path, 'digests'], 'digests are of one repository: name it in from')
  const selection = dregsySelection(findings, [...path, 'tags'], tags ?? [], wanted, isCatalog)
  const content = contentOf(findings, path, mapping)
  const rule = to?.startsWith('regex:') === true ? findings.try([...path, 'to'], () => renameOf(to.slice('regex:'.length))) : undefined
  if (to?.startsWith('regex:') === true && !rule) return
  const [read, destination] = isCatalog
    ? [findings.try([...path, 'from'], (): EntrySource => {
      if (source.registry === 'docker.io') throw new SyntaxError('Docker Hub has no catalog to look through: name the repositories')
      return { kind: 'catalog', registry: source.registry, prefix: source.prefix, include: [{ kind: 'regex', ...wholeRegex(findings, [...path, 'from'], from.slice('regex:'.length)) }], exclude: [] }
    }), findings.try([...path, 'to'], (): Destination => ({
      kind: 'under', registry: target.registry, prefix: rule || to == null || to === '' ? target.prefix : parseRepositoryName(joinPath(target.prefix, unrooted(to))), rename: rule ? [rule] : [],
    }))]
    : [findings.try([...path, 'from'], (): EntrySource => {
      if (unrooted(from) === '') throw new SyntaxError('from is empty')
      return { kind: 'repository', registry: source.registry, repository: repositoryAt(source, unrooted(from)), path: unrooted(from) }
    }), findings.try([...path, 'to'], (): Destination => {
      const name = rule ? rename(unrooted(from), [rule]) : to == null || to === '' ? unrooted(from) : unrooted(to)
      return { kind: 'exact', registry: target.registry, repository: repositoryAt(target, name) }
    })]
  if (read && destination) findings.entries.push({ source: read, selection, destinations: [destination], content: { ...content, ...options.content }, origin: findings.origin(path) })
}

function unrooted(path: string): string { return path.replace(/^\/+/, '') }

/** `EXPRESSION,REPLACEMENT`: every match in the path, which begins with a slash there. @throws SyntaxError */
function renameOf(written: string): RenameRule {
  const comma = written.indexOf(',')
  if (comma < 0) throw new SyntaxError('to: the replacement is missing: write regex:EXPRESSION,REPLACEMENT')
  const expression = written.slice(0, comma)
  const { source, flags } = explain(expression, () => goRegex(expression))
  return { match: flags.includes('i') ? `(?i:${source})` : source, replace: goReplacement(written.slice(comma + 1)), all: true, rooted: true }
}

function contentOf(findings: Findings, path: Path, { platform }: Mapping): ContentOptions {
  if (platform == null || platform === '' || platform === 'all') return defaultContent
  const wish = findings.try([...path, 'platform'], () => parsePlatform(platform))
  findings.leaveOut([...path, 'platform'], 'platform: the index at the target lists only this one, where dregsy would put the image alone')
  return { ...defaultContent, platforms: wish ? [wish] : [], platformPolicy: 'strip' }
}
