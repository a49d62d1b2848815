// The YAML of `skopeo sync --src yaml`: registries, and of each the repositories and which of their tags. skopeo-sync(1), "EXAMPLES".
import { isDigest, isTag, type RepositoryName } from '@longshore/oci'
import { z } from 'zod'
import type { AccessHint, HintCredentials } from './access-hint.ts'
import type { Path, SpecDocument } from './document.ts'
import { checkDocument, explain, Findings, flag, text, texts } from './foreign-file.ts'
import { goRegex } from './go-regex.ts'
import { mastermindsRange } from './go-semver.ts'
import { keepPath, parseSource } from './images-list.ts'
import { defaultContent, type Origin, type Requested, type Selection } from './migration.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { dockerHub, parsePlace } from './place.ts'
import { type Problem, quoted } from './spec-error.ts'

const registrySchema = z.strictObject({
  images: z.record(text, texts.nullable()).nullish(),
  'images-by-tag-regex': z.record(text, text).nullish(),
  'images-by-semver': z.record(text, text).nullish(),
  credentials: z.strictObject({ username: text.nullish(), password: text.nullish(), identitytoken: text.nullish() }).nullish(),
  'tls-verify': flag.nullish(),
  'cert-dir': text.nullish(),
}).nullable()
const schema = z.record(text, registrySchema)

export interface SkopeoRepository {
  readonly registry: string
  readonly repository: RepositoryName
  /** As it is written, below its registry: what `longshore migrate` keeps. */
  readonly path: string
  /** What is wanted of it, each to be united with the others. */
  readonly selections: ReadonlyArray<{ readonly selection: Selection; readonly origin: Origin }>
}

export interface SkopeoRegistry {
  /** The key: `host[:port][/prefix]`. */
  readonly name: string
  /** In the order of the file; one that is under several keys comes once. */
  readonly repositories: readonly SkopeoRepository[]
  /** Credentials, TLS and certificates of this registry as a source. */
  readonly access?: AccessHint
  readonly origin: Origin
}

export interface ParsedSkopeoSync { readonly registries: readonly SkopeoRegistry[]; readonly warnings: readonly Problem[] }

/** @throws SpecError */
export function readSkopeoSync(file: string, document: SpecDocument): ParsedSkopeoSync {
  const findings = new Findings(file, document)
  const registries: SkopeoRegistry[] = []
  for (const [name, config] of Object.entries(checkDocument(file, document, schema))) {
    const place = findings.try([name], () => parsePlace(name), true)
    if (!place) continue
    const repositories = new Map<string, SkopeoRepository & { readonly selections: Array<{ selection: Selection; origin: Origin }> }>()
    const add = (path: Path, image: string, selections: readonly Selection[] | undefined): void => {
      const found = findings.try(path, () => parseSource(`${name}/${image}`, { from: dockerHub, fromForAll: false }), true)
      if (!found || !selections) return
      if (!found.untagged) {
        findings.keyProblem(path, `${quoted(image)} has a tag or a digest: a repository is named here, and its tags behind it`)
        return
      }
      const { registry, repository, path: written } = found.source
      const known = repositories.get(repository) ?? { registry, repository, path: written, selections: [] }
      known.selections.push(...selections.map((selection) => ({ selection, origin: findings.origin(path) })))
      repositories.set(repository, known)
    }
    for (const [image, refs] of Object.entries(config?.images ?? {})) add([name, 'images', image], image, selectionOf(findings, [name, 'images', image], refs ?? []))
    for (const [image, regex] of Object.entries(config?.['images-by-tag-regex'] ?? {})) {
      const path = [name, 'images-by-tag-regex', image]
      const pattern = findings.try(path, () => explain(regex, () => goRegex(regex)))
      add(path, image, pattern && [{ kind: 'rule', rule: { include: [{ kind: 'regex', ...pattern }] }, references: [] }])
    }
    for (const [image, constraint] of Object.entries(config?.['images-by-semver'] ?? {})) {
      const path = [name, 'images-by-semver', image]
      add(path, image, findings.try(path, () => mastermindsRange(constraint))?.map((range) => ({ kind: 'rule', rule: range, references: [] })))
    }
    if (!config?.images && !config?.['images-by-tag-regex'] && !config?.['images-by-semver']) findings.warn([name], `${name} names no images`)
    const access = accessOf(findings, name, place, config)
    registries.push({ name, repositories: [...repositories.values()], origin: findings.origin([name]), ...(access && { access }) })
  }
  return { registries, warnings: findings.end().warnings }
}

export function parseSkopeoDocument(file: string, document: SpecDocument, options: ParseOptions): ParsedSpec {
  const { registries, warnings } = readSkopeoSync(file, document)
  const findings = new Findings(file, document)
  const { from, to } = placesOf(options)
  if (!to && registries.some(({ repositories }) => repositories.length > 0)) findings.problem([], 'says what is read and not where it goes: give --to HOST[/PREFIX]')
  for (const { repositories, access } of registries) {
    for (const { registry, repository, path, selections } of repositories) {
      const source = options.fromForAll === true && from
        ? parseSource(`${registry}/${path}`, { from, fromForAll: true }).source : { kind: 'repository' as const, registry, repository, path }
      for (const { selection, origin } of selections) {
        findings.entries.push({ source, selection, destinations: keepPath(to ?? []), content: { ...defaultContent, ...options.content }, origin })
      }
    }
    if (access) findings.access.push(access)
  }
  const parsed = findings.end()
  return { ...parsed, warnings: [...warnings, ...parsed.warnings] }
}

/** An empty list is every tag. */
function selectionOf(findings: Findings, path: Path, refs: readonly string[]): readonly Selection[] | undefined {
  if (refs.length === 0) return [{ kind: 'rule', rule: {}, references: [] }]
  const references: Requested[] = []
  for (const [index, ref] of refs.entries()) {
    if (isDigest(ref) || isTag(ref)) references.push({ reference: ref })
    else findings.problem([...path, index], `${quoted(ref)} is neither a tag nor a digest (sha256: and 64 lower-case hex digits)`)
  }
  return references.length === refs.length ? [{ kind: 'references', references }] : undefined
}

function accessOf(findings: Findings, name: string, { registry, prefix }: ReturnType<typeof parsePlace>, config: z.output<typeof registrySchema>): AccessHint | undefined {
  const { username, password, identitytoken } = config?.credentials ?? {}
  const credentials: HintCredentials | undefined = identitytoken != null && identitytoken !== '' ? { kind: 'identity-token', token: identitytoken, ...(username != null && username !== '' && { username }) }
    : username != null && username !== '' ? { kind: 'basic', username, password: password ?? '' } : undefined
  if (!credentials && password != null && password !== '') findings.problem([name, 'credentials'], 'there is a password without a user name')
  const tlsVerify = config?.['tls-verify'] ?? undefined
  const certDir = config?.['cert-dir'] ?? undefined
  if (!credentials && tlsVerify === undefined && certDir === undefined) return undefined
  return {
    registry, side: 'source', origin: findings.place([name]), ...(prefix !== '' && { prefix }),
    ...(credentials && { credentials }), ...(tlsVerify !== undefined && { tlsVerify }), ...(certDir !== undefined && certDir !== '' && { certDir }),
  }
}
