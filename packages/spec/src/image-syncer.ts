// image-syncer's files: `auth` (who logs in where), `images` (sources and their destinations), or the older config.json with both.
// README of AliyunContainerService/image-syncer, "Configure Files".
import { type Digest, isTag, type RepositoryName, type Tag } from '@longshore/oci'
import { z } from 'zod'
import type { Path, SpecDocument } from './document.ts'
import { envValue } from './env-value.ts'
import { checkDocument, explain, Findings, flag, text, texts } from './foreign-file.ts'
import { goRegex } from './go-regex.ts'
import { parseSource } from './images-list.ts'
import { defaultContent, type Destination, type Entry, type Requested, type Selection } from './migration.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { dockerHub, parsePlace, repositoryAt, splitName } from './place.ts'
import { quoted } from './spec-error.ts'

const authSchema = z.record(text, z.strictObject({ username: text.nullish(), password: text.nullish(), identityToken: text.nullish(), insecure: flag.nullish() }).nullable())
const imagesSchema = z.record(text, z.union([text, texts]))
const configSchema = z.strictObject({ auth: authSchema.nullish(), images: imagesSchema.nullish() })

/** Which of the files it is. */
export type ImageSyncerKind = 'auth' | 'images' | 'config'

export function kindOf(value: unknown): ImageSyncerKind | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const isMap = (one: unknown): boolean => typeof one === 'object' && one !== null && !Array.isArray(one)
  const record = value as Record<string, unknown>
  if (isMap(record['images']) || isMap(record['auth'])) return 'config'
  const all = Object.entries(record)
  if (all.some(([key, one]) => /[./:]/.test(key) && (typeof one === 'string' || (Array.isArray(one) && one.every((item) => typeof item === 'string'))))) return 'images'
  return all.some(([, one]) => isMap(one) && ['username', 'password', 'insecure'].some((key) => key in (one as object))) ? 'auth' : undefined
}

/** @throws SpecError */
export function parseImageSyncer(file: string, document: SpecDocument, options: ParseOptions): ParsedSpec {
  const findings = new Findings(file, document)
  const kind = kindOf(document.value) ?? 'config'
  const { auth, images } = kind === 'config' ? checkDocument(file, document, configSchema)
    : kind === 'auth' ? { auth: checkDocument(file, document, authSchema), images: undefined } : { auth: undefined, images: checkDocument(file, document, imagesSchema) }
  const base = (part: string): Path => (kind === 'config' ? [part] : [])
  readAuth(findings, auth ?? {}, base('auth'), options)
  const from = placesOf(options).from ?? dockerHub
  const rules = Object.entries(images ?? {})
  for (const [source, destinations] of rules) readRule(findings, [...base('images'), source], source, destinations, { ...options, fromPlace: from })
  if (rules.length > 0 && options.to !== undefined) findings.warn([], 'says itself where each image goes: --to is not used')
  if (rules.length === 0 && kind !== 'auth') findings.warn([], 'names no images')
  return findings.end()
}

function readAuth(findings: Findings, auth: z.output<typeof authSchema>, base: Path, options: ParseOptions): void {
  for (const [key, entry] of Object.entries(auth)) {
    const path = [...base, key]
    const place = findings.try(path, () => parsePlace(key), true)
    const value = (name: 'username' | 'password' | 'identityToken'): string | undefined => findings.try([...path, name], () => envValue(entry?.[name] ?? '', options.surroundings))
    const [username, password, token] = [value('username'), value('password'), value('identityToken')]
    // What is not known was told, and says nothing about the others.
    if (!place || username === undefined || password === undefined || token === undefined) continue
    if (username === '_oauth2_') {
      findings.problem([...path, 'username'], 'the key of a Google service account is not exchanged here: use _json_key and the key itself, or docker-credential-gcr')
      continue
    }
    if (username === '' && password !== '') findings.problem(path, 'there is a password without a user name')
    const credentials = token !== '' ? { kind: 'identity-token' as const, token } : username === '' ? undefined : { kind: 'basic' as const, username, password }
    const isInsecure = entry?.insecure === true
    if (!credentials && !isInsecure) continue
    findings.access.push({
      registry: place.registry, origin: findings.place(path), ...(place.prefix !== '' && { prefix: place.prefix }), ...(credentials && { credentials }), ...(isInsecure && { tlsVerify: false }),
    })
  }
}

type RuleOptions = ParseOptions & { readonly fromPlace: ReturnType<typeof parsePlace> }

function readRule(findings: Findings, path: Path, source: string, given: string | readonly string[], options: RuleOptions): void {
  const wanted = findings.try(path, () => parseWanted(source, options), true)
  const texts = typeof given === 'string' ? [given] : given
  if (texts.length === 0) findings.problem(path, `${quoted(source)} has no destination`)
  const seen = new Set<string>()
  for (const [index, written] of texts.entries()) {
    const at = typeof given === 'string' ? path : [...path, index]
    const text = findings.try(at, () => envValue(written, options.surroundings))
    if (text === undefined || seen.has(text)) continue
    seen.add(text)
    if (text.trim() === '') {
      findings.problem(at, `${quoted(source)} has an empty destination: write where it goes (an empty one meant --registry and --namespace of older image-syncers)`)
      continue
    }
    const target = findings.try(at, () => parseTarget(text))
    if (!wanted || !target) continue
    const { selection } = wanted
    const add = (selected: Selection, destination: Destination): void => {
      const entry: Entry = { source: wanted.source, selection: selected, destinations: [destination], content: { ...defaultContent, ...options.content }, origin: findings.origin(path) }
      findings.entries.push(entry)
    }
    const { registry, repository, references } = target
    if (references.length === 0) add(selection, { kind: 'exact', registry, repository })
    else if (selection.kind === 'rule') findings.problem(at, `${quoted(text)} has a tag, and ${quoted(source)} may be many images: leave the tag out, then each keeps its own`)
    else if (selection.references.length !== references.length) findings.problem(at, `${quoted(source)} names ${selection.references.length} and ${quoted(text)} ${references.length}: they are matched from left to right, so there have to be as many`)
    else {
      for (const [i, requested] of selection.references.entries()) {
        const reference = references[i]
        if (reference?.includes(':') === true && reference !== requested.reference) findings.problem(at, 'a destination by digest takes only the source of that same digest')
        else if (reference !== undefined) add({ kind: 'references', references: [requested] }, { kind: 'exact', registry, repository, reference })
      }
    }
  }
}

interface Wanted { readonly source: Extract<Entry['source'], { kind: 'repository' }>; readonly selection: Selection }

/** `repo`, `repo:tag`, `repo:t1,t2`, `repo@digest`, `repo:/regex/`. @throws InvalidReferenceError, SyntaxError */
function parseWanted(written: string, { fromPlace, fromForAll = false }: RuleOptions): Wanted {
  const context = { from: fromPlace, fromForAll }
  const regexAt = /^https?:/i.test(written) ? -1 : written.indexOf(':/')
  if (regexAt >= 0) {
    const regex = written.slice(regexAt + 2)
    if (!regex.endsWith('/')) throw new SyntaxError(`${quoted(written)}: a regular expression ends with / too`)
    const include = [{ kind: 'regex' as const, ...explain(regex.slice(0, -1), () => goRegex(regex.slice(0, -1))) }]
    return { source: nameOnly(written.slice(0, regexAt), context), selection: { kind: 'rule', rule: { include }, references: [] } }
  }
  const list = /^(.*):([^:/@]*,[^:/@]*)$/.exec(written)
  if (list) return { source: nameOnly(list[1] ?? '', context), selection: { kind: 'references', references: tagsOf(list[2] ?? '', written).map((reference) => ({ reference })) } }
  const { source, requested, untagged } = parseSource(written, context)
  return { source, selection: untagged ? { kind: 'rule', rule: {}, references: [] } : { kind: 'references', references: [requested] satisfies Requested[] } }
}

function nameOnly(name: string, context: Parameters<typeof parseSource>[1]): Wanted['source'] {
  const { source, untagged } = parseSource(name, context)
  if (!untagged) throw new SyntaxError(`${quoted(name)} has a tag or a digest already`)
  return source
}

function tagsOf(list: string, whole: string): readonly Tag[] {
  return list.split(',').map((one) => {
    if (!isTag(one)) throw new SyntaxError(`${quoted(whole)}: ${quoted(one)} is not a valid tag`)
    return one
  })
}

/** A destination; without a registry it is Docker Hub's. @throws InvalidReferenceError, SyntaxError */
function parseTarget(written: string): { readonly registry: string; readonly repository: RepositoryName; readonly references: ReadonlyArray<Tag | Digest> } {
  const list = /^(.*):([^:/@]*,[^:/@]*)$/.exec(written)
  const { registry = dockerHub.registry, repository, tag, digest } = splitName(list?.[1] ?? written)
  if (list && (tag ?? digest) !== undefined) throw new SyntaxError(`${quoted(written)} has a tag or a digest before its list of tags`)
  const reference = tag ?? digest
  return {
    registry, repository: repositoryAt({ registry, prefix: '' }, repository),
    references: list ? tagsOf(list[2] ?? '', written) : reference === undefined ? [] : [reference],
  }
}
