// regsync's file: steps that copy an image, a repository or a registry. What a run of Longshore does by itself, or once, is left out with a
// warning; what it does not do is refused.
import { parsePlatform, parseTag, type Platform } from '@longshore/oci'
import type { HintCredentials } from './access-hint.ts'
import type { Path, SpecDocument } from './document.ts'
import { checkDocument, explain, Findings } from './foreign-file.ts'
import { anchoredGoRegex, hasBareAlternative } from './go-regex.ts'
import { regclientRange } from './go-semver.ts'
import { goTemplate } from './go-template.ts'
import { parseSource } from './images-list.ts'
import { type ContentOptions, defaultContent, type Destination, type EntrySource, type Pattern, type Selection, type TagRule } from './migration.ts'
import type { ParsedSpec, ParseOptions } from './parse-options.ts'
import { dockerHub, parsePlace, repositoryAt, splitName } from './place.ts'
import { type RegsyncCreds, type RegsyncDefaults, regsyncSchema, type RegsyncStep, type TagFilters } from './regsync-schema.ts'
import { quoted } from './spec-error.ts'

/** @throws SpecError */
export function parseRegsync(file: string, document: SpecDocument, options: ParseOptions): ParsedSpec {
  const findings = new Findings(file, document)
  const { version, creds, defaults, sync } = checkDocument(file, withoutExtensions(document), regsyncSchema)
  if (version != null && String(version) !== '1') findings.problem(['version'], 'version has to be 1')
  for (const [index, one] of (creds ?? []).entries()) readCreds(findings, ['creds', index], one, options)
  for (const key of ['parallel', 'cacheCount', 'cacheTime', 'skipDockerConfig', 'userAgent', 'blobLimit'] as const) {
    if (defaults?.[key] != null) findings.leaveOut(['defaults', key], `${key} is left out: ${key === 'parallel' ? 'Longshore finds by itself how much each registry takes (--concurrency limits it)' : key === 'skipDockerConfig' ? 'give --src-no-creds, --dest-no-creds or --authfile' : 'Longshore has no use for it'}`)
  }
  refuse(findings, ['defaults'], defaults ?? {})
  if (sync.length === 0) findings.warn([], 'names no images')
  for (const [index, step] of sync.entries()) {
    refuse(findings, ['sync', index], step)
    readStep(findings, ['sync', index], step, defaults ?? {}, options)
  }
  if (options.to !== undefined) findings.warn([], 'says itself where each image goes: --to is not used')
  return findings.end()
}

function withoutExtensions(document: SpecDocument): SpecDocument {
  const { value } = document
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return document
  return { ...document, value: Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-'))) }
}

const leftOut = {
  interval: 'a run is once', schedule: 'a run is once', ratelimit: 'Longshore waits where a registry tells it to', hooks: 'regsync never ran them either',
  fastCheck: 'what is there already is known from one request anyway', fastCopy: 'what is there already is known from one request anyway', referrerSlow: 'Longshore has no use for it',
} as const
const knownTypes = /^application\/vnd\.(?:docker\.distribution\.manifest\.(?:list\.)?v2|oci\.image\.(?:manifest|index)\.v1)\+json$/

function refuse(findings: Findings, base: Path, step: Partial<RegsyncStep> & RegsyncDefaults): void {
  for (const [key, why] of Object.entries(leftOut)) if (step[key as keyof typeof leftOut] != null) findings.leaveOut([...base, key], `${key} is left out: ${why}`)
  if (step.forceRecursive === true) findings.leaveOut([...base, 'forceRecursive'], 'forceRecursive is left out: longshore verify --repair finds what is missing behind a manifest, and moves it')
  if (step.backup != null && step.backup !== '') findings.keyProblem([...base, 'backup'], 'backup: tags that are overwritten are not kept under another name; copy them first, and take this out')
  if (step.referrerFilters != null) findings.keyProblem([...base, 'referrerFilters'], 'referrerFilters: referrers are carried all or not at all (referrers: true or false)')
  for (const key of ['referrerSource', 'referrerTarget'] as const) if (step[key] != null && step[key] !== '') findings.keyProblem([...base, key], `${key}: referrers are read and put beside their image, not elsewhere`)
  for (const [index, type] of (step.mediaTypes ?? []).entries()) if (!knownTypes.test(type)) findings.problem([...base, 'mediaTypes', index], `${quoted(type)}: images are not chosen by media type`)
  if (step.mediaTypes && step.mediaTypes.length < 4) findings.keyProblem([...base, 'mediaTypes'], 'mediaTypes: images are not chosen by media type; take this out')
}

function readCreds(findings: Findings, path: Path, creds: RegsyncCreds, options: ParseOptions): void {
  const value = (key: 'registry' | 'user' | 'pass'): string | undefined => findings.try([...path, key], () => goTemplate(creds[key] ?? '', {}, options.surroundings))
  const [registry, user, pass] = [value('registry'), value('user'), value('pass')]
  const place = registry === undefined ? undefined : findings.try([...path, 'registry'], () => parsePlace(registry))
  for (const key of ['hostname', 'pathPrefix', 'mirrors', 'credHost', 'clientCert', 'clientKey', 'regcert'] as const) {
    const given = creds[key]
    if (given == null || given.length === 0 || (key === 'hostname' && given === registry)) continue
    const cure = key === 'regcert' || key.startsWith('client') ? 'put it into a file of certs.d (docs/errors.md, CERTIFICATES_INVALID)' : key === 'credHost' ? 'log in under the registry\'s own name' : 'write the registry that is meant, or give --from'
    findings.keyProblem([...path, key], `${key} is not taken: ${cure}`)
  }
  for (const key of ['scheme', 'credExpire', 'priority', 'repoAuth', 'api', 'apiOpts', 'blobChunk', 'blobMax', 'reqPerSec', 'reqConcurrent'] as const) {
    if (creds[key] != null) findings.leaveOut([...path, key], `${key} is left out: Longshore finds it out by itself`)
  }
  const tls = creds.tls ?? (creds.scheme === 'http' ? 'disabled' : 'enabled')
  if (!['enabled', 'insecure', 'disabled', ''].includes(tls)) findings.problem([...path, 'tls'], 'tls has to be enabled, insecure or disabled')
  const helper = creds.credHelper?.replace(/^docker-credential-/, '') ?? ''
  // What is not known was told, and says nothing about the others.
  if (user === undefined || pass === undefined) return
  if (user === '' && pass !== '') findings.problem([...path, 'pass'], 'there is a password without a user name')
  const credentials: HintCredentials | undefined = creds.token != null && creds.token !== '' ? { kind: 'identity-token', token: creds.token }
    : user !== '' ? { kind: 'basic', username: user, password: pass } : helper !== '' ? { kind: 'helper', suffix: helper } : undefined
  const isInsecure = tls === 'insecure' || tls === 'disabled'
  if (!place || (!credentials && !isInsecure)) return
  findings.access.push({ registry: place.registry, origin: findings.place(path), ...(place.prefix !== '' && { prefix: place.prefix }), ...(credentials && { credentials }), ...(isInsecure && { tlsVerify: false }) })
}

function readStep(findings: Findings, path: Path, step: RegsyncStep, defaults: RegsyncDefaults, options: ParseOptions): void {
  const fields = (source: string): Record<string, string> => ({ '.Sync.Source': source, '.Sync.Target': step.target, '.Sync.Type': step.type })
  const source = findings.try([...path, 'source'], () => goTemplate(step.source, fields(step.source), options.surroundings))
  const target = source === undefined ? undefined : findings.try([...path, 'target'], () => goTemplate(step.target, fields(source), options.surroundings))
  const content = contentOf(findings, path, step, defaults)
  if (source === undefined || target === undefined) return
  const sets = [...(step.tags ? [{ at: [...path, 'tags'], filters: step.tags }] : []), ...(step.tagSets ?? []).map((filters, index) => ({ at: [...path, 'tagSets', index], filters }))]
  const rule = (): TagRule => {
    const rules = sets.map(({ at, filters }) => ruleOf(findings, at, filters))
    return rules.length > 1 ? { anyOf: rules } : rules[0] ?? {}
  }
  const add = (from: EntrySource | undefined, selection: Selection, to: Destination | undefined): void => {
    if (from && to) findings.entries.push({ source: from, selection, destinations: [to], content: { ...content, ...options.content }, origin: findings.origin(path) })
  }
  if (step.repos && step.type !== 'registry') findings.keyProblem([...path, 'repos'], 'repos goes with the type registry')
  switch (step.type) {
    case 'image': {
      if (sets.length > 0) findings.keyProblem([...path, step.tags ? 'tags' : 'tagSets'], 'an image is one tag already: take the filters out, or let the type be repository')
      const read = findings.try([...path, 'source'], () => parseSource(refuseLocal(source), { from: dockerHub, fromForAll: false }))
      const to = findings.try([...path, 'target'], () => destinationOf(refuseLocal(target), read?.requested.reference))
      if (read) add(read.source, { kind: 'references', references: [{ reference: read.requested.reference }] }, to)
      return
    }
    case 'repository': {
      const read = findings.try([...path, 'source'], () => repositoryOf(source))
      const to = findings.try([...path, 'target'], () => repositoryOf(target))
      add(read && { kind: 'repository', registry: read.registry, repository: read.repository, path: read.path }, { kind: 'rule', rule: rule(), references: [] }, to && { kind: 'exact', registry: to.registry, repository: to.repository })
      return
    }
    case 'registry': {
      const from = findings.try([...path, 'source'], () => parsePlace(refuseLocal(source)))
      const to = findings.try([...path, 'target'], () => parsePlace(refuseLocal(target)))
      const patterns = (key: 'allow' | 'deny'): readonly Pattern[] => patternsOf(findings, [...path, 'repos', key], step.repos?.[key] ?? [])
      add(from && { kind: 'catalog', registry: from.registry, prefix: from.prefix, include: patterns('allow'), exclude: patterns('deny') }, { kind: 'rule', rule: rule(), references: [] }, to && { kind: 'under', registry: to.registry, prefix: to.prefix, rename: [] })
      return
    }
    default: findings.problem([...path, 'type'], 'type has to be image, repository or registry')
  }
}

/** @throws SyntaxError */
function refuseLocal(text: string): string {
  if (/^oci(?:dir|file):\/\//.test(text)) throw new SyntaxError(`${quoted(text)}: folders are not taken from a regsync file; longshore copy and longshore sync read and write them as oci:PATH`)
  return text
}

/** @throws InvalidReferenceError, SyntaxError */
function repositoryOf(text: string): { readonly registry: string; readonly repository: ReturnType<typeof repositoryAt>; readonly path: string } {
  const { registry = dockerHub.registry, repository: path, tag, digest } = splitName(refuseLocal(text))
  if ((tag ?? digest) !== undefined) throw new SyntaxError(`${quoted(text)} has a tag or a digest, and the type is repository: let it be image, or take the tag out`)
  return { registry, repository: repositoryAt({ registry, prefix: '' }, path), path }
}

/** Without a tag it is `latest`, whatever the source's is. @throws InvalidReferenceError, SyntaxError */
function destinationOf(text: string, source: string | undefined): Destination {
  const { registry = dockerHub.registry, repository, tag, digest } = splitName(text)
  if (digest !== undefined && digest !== source) throw new SyntaxError(`${quoted(text)}: a target by digest takes only the source of that same digest`)
  return { kind: 'exact', registry, repository: repositoryAt({ registry, prefix: '' }, repository), reference: digest ?? tag ?? parseTag('latest') }
}

function ruleOf(findings: Findings, path: Path, { allow, deny, semverRange }: TagFilters): Pick<TagRule, 'include' | 'exclude' | 'semver' | 'prereleases'> {
  const ranges = (semverRange ?? []).map((range, index) => findings.try([...path, 'semverRange', index], () => regclientRange(range))).filter((range) => range !== undefined)
  return {
    ...(allow && allow.length > 0 && { include: patternsOf(findings, [...path, 'allow'], allow) }), ...(deny && deny.length > 0 && { exclude: patternsOf(findings, [...path, 'deny'], deny) }),
    ...(ranges.length > 0 && { semver: ranges.map(({ semver }) => semver).join(' || '), prereleases: true }),
  }
}

function patternsOf(findings: Findings, path: Path, expressions: readonly string[]): readonly Pattern[] {
  return expressions.flatMap((expression, index) => {
    const pattern = findings.try([...path, index], () => explain(expression, () => anchoredGoRegex(expression)))
    if (pattern && hasBareAlternative(expression)) findings.warn([...path, index], `${quoted(expression)} has to match the whole text here; regsync would take ^${expression}$, where ^ and $ belong to the first and the last alternative only`)
    return pattern ? [{ kind: 'regex' as const, ...pattern }] : []
  })
}

/** Signatures travel unless the file says that they do not. */
function contentOf(findings: Findings, path: Path, step: RegsyncStep, defaults: RegsyncDefaults): ContentOptions {
  const wish = (key: 'referrers' | 'digestTags'): boolean | undefined => step[key] ?? defaults[key] ?? undefined
  const wishes = [wish('referrers'), wish('digestTags')].filter((one) => one !== undefined)
  if (wishes.includes(true) && wishes.includes(false)) findings.leaveOut([...path, 'source'], 'referrers and digestTags are one thing here: both are carried')
  const single = step.platform != null && step.platform !== ''
  const names = [...(single ? [step.platform ?? ''] : []), ...(step.platforms ?? [])]
  const platforms = names.map((name, index) => findings.try([...path, ...(single ? ['platform'] : ['platforms', index])], () => parsePlatform(name))).filter((one): one is Platform => one !== undefined)
  if (single) findings.leaveOut([...path, 'platform'], 'platform: the index at the target lists only this one, where regsync would put the image alone')
  return {
    ...defaultContent, platforms, platformPolicy: single ? 'strip' : 'sparse', referrers: wishes.length === 0 || wishes.includes(true),
    foreignLayers: (step.includeExternal ?? defaults.includeExternal) === true ? 'copy' : 'keep',
  }
}
