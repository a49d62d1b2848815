// The native spec: YAML, validated, normalised. docs/spec.md is its reference.
import { InvalidReferenceError, isDigest, isTag, parsePlatform, type Digest, type Tag } from '@longshore/oci'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { cutoverPlanOf } from './cutover-schema.ts'
import { decodeText, type SpecInput } from './decode-text.ts'
import { destinationsOf } from './harbor-schema.ts'
import { keepPath, parseDestination, parseSource } from './images-list.ts'
import { type ContentOptions, defaultContent, type Destination, type Entry, type EntrySource, type Migration, needsInventory, type Origin, type Selection, type TagRule } from './migration.ts'
import { knownKeys } from './known-keys.ts'
import { parseMoment } from './moment.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { parsePattern } from './pattern.ts'
import { dockerHub, parsePlace, type Place } from './place.ts'
import { type NativeContent, type NativeItem, type NativeSpec, type NativeTagRule, specSchema } from './schema.ts'
import { type Problem, quoted, SpecError } from './spec-error.ts'
import { nodeAt, problemsOf, yamlPlaces } from './yaml-problems.ts'

/** @throws SpecError with every problem of the file. */
export function parseNativeYaml(input: SpecInput, options: ParseOptions): ParsedSpec {
  const text = decodeText(input)
  if (typeof text !== 'string') throw new SpecError([text])
  const parsed = readYaml(input.name, text)
  return normaliseYaml(input.name, parsed, options)
}

export interface YamlText { readonly document: Document; readonly counter: LineCounter; readonly value: unknown }

/** @throws SpecError where it is not YAML. */
export function readYaml(file: string, text: string): YamlText {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true })
  const problems = document.errors.map((error): Problem => {
    const { line, col } = counter.linePos(error.pos[0])
    const message = error.code === 'MULTIPLE_DOCS' ? 'a spec is one YAML document; put the others into files of their own' : error.message
    return { file, line, column: col, message: `is not valid YAML: ${message}` }
  })
  if (problems.length > 0) throw new SpecError(problems)
  try {
    return { document, counter, value: document.toJS({ maxAliasCount: 100 }) as unknown }
  } catch (error) {
    throw new SpecError([{ file, line: 1, column: 1, message: `is not usable YAML: ${(error as Error).message}` }])
  }
}

export function normaliseYaml(file: string, { document, counter, value }: YamlText, options: ParseOptions): ParsedSpec {
  if (value === null || value === undefined) throw new SpecError([{ file, message: 'is empty; see docs/spec.md for what a spec holds' }])
  const result = specSchema.safeParse(value)
  if (!result.success) throw new SpecError(problemsOf(result.error.issues, yamlPlaces(document, counter), file, (path) => knownKeys(specSchema, path)))
  const spec = result.data
  const flags = placesOf(options)
  const from = flags.from ?? (spec.from === undefined ? dockerHub : parsePlace(spec.from))
  const to = flags.to ?? list(spec.to).map(parsePlace)
  const defaults = { ...defaultContent, ...contentOf(spec.defaults ?? {}) }

  const entries: Entry[] = []
  const problems: Problem[] = []
  const warnings: Problem[] = []
  spec.images?.forEach((item, index) => {
    const { line, col: column } = counter.linePos(nodeAt(document, ['images', index])?.range?.[0] ?? 0)
    const at = { file, line, column }
    try {
      const full: NativeItem = typeof item === 'string' ? {} : item
      const itemFrom = full.from === undefined ? from : parsePlace(full.from)
      if (full.harbor?.projects !== undefined && itemFrom.prefix !== '') {
        problems.push({ ...at, message: `harbor.projects and a prefix under "from" both say the project: write "from: ${itemFrom.registry}", or leave projects out` })
        return
      }
      const itemTo = full.to === undefined ? to : list(full.to).map(parsePlace)
      const [source, selection, short] = typeof item === 'string' ? namedSource(item, itemFrom, options, (message) => warnings.push({ ...at, message }))
        : [sourceOf(full, itemFrom, options), selectionOf(full), undefined] as const
      const destinations = full.as === undefined ? nameBy({ flatten: full.flatten ?? spec.flatten, rename: full.rename ?? spec.rename }, keepPath(itemTo))
        : list(full.as).flatMap((text) => parseDestination(text, itemTo, selection.references.length === 1 ? selection.references[0] : undefined))
      if (destinations.length === 0) {
        problems.push({ ...at, message: `${short === undefined ? 'this item' : quoted(short)} has no destination registry: write "to: HOST[/PREFIX]", or give --to` })
        return
      }
      entries.push({ source, selection, destinations, content: { ...defaults, ...contentOf(full), ...options.content }, origin: originFrom(full) ?? { file, line } })
    } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      problems.push({ ...at, message: error.message })
    }
  })
  if (problems.length > 0) throw new SpecError(problems)
  const settings = destinationsOf(spec.harbor, spec.onMissingRepository)
  const migration: Migration = { entries, ...(Object.keys(settings).length === 0 ? {} : { destinations: settings }), ...(spec.cutover === undefined ? {} : { cutover: cutoverPlanOf(spec.cutover) }) }
  if (spec.cutover === undefined) return { migration, warnings }
  const { line, col: column } = counter.linePos(nodeAt(document, ['cutover'])?.range?.[0] ?? 0)
  return { migration, warnings, cutoverAt: { file, line, column } }
}

function namedSource(text: string, from: Place, options: ParseOptions, warn: (message: string) => void): readonly [EntrySource, Selection, string] {
  const { source, requested, untagged } = parseSource(text, { from, fromForAll: options.fromForAll ?? false })
  if (untagged) warn(`${quoted(text)} has no tag: taken as ${text}:latest (write "name: ${text}" for all its tags)`)
  return [source, { kind: 'references', references: [requested] }, text]
}

function sourceOf(item: NativeItem, from: Place, options: ParseOptions): EntrySource {
  if (item.name !== undefined) return parseSource(item.name, { from, fromForAll: options.fromForAll ?? false }).source
  const { include = [], exclude = [] } = item.repositories ?? {}
  return {
    kind: 'catalog', registry: from.registry, prefix: from.prefix, include: include.map(parsePattern), exclude: exclude.map(parsePattern),
    ...(item.harbor && { harbor: { projects: (item.harbor.projects ?? []).map(parsePattern) } }),
  }
}

/** Digests alone choose only themselves; nothing at all chooses every tag. */
function selectionOf(item: NativeItem): Selection {
  const digests = (item.digests ?? []).filter(isDigest).map((reference: Digest) => ({ reference }))
  const { tags } = item
  if (Array.isArray(tags)) return exactTags(item, tags.filter(isTag), digests)
  if (tags === undefined && digests.length > 0) return { kind: 'references', references: digests }
  return { kind: 'rule', rule: { ...tagRuleOf(tags ?? {}), ...inventoryRuleOf(item) }, references: digests }
}

/** A catalog's exact tags are a choice among those that each repository has; a named repository's are asked for, unless its inventory has a say. */
function exactTags(item: NativeItem, tags: readonly Tag[], digests: ReadonlyArray<{ readonly reference: Digest }>): Selection {
  const asked = inventoryRuleOf(item)
  if (item.name !== undefined && !needsInventory(asked)) return { kind: 'references', references: [...tags.map((reference) => ({ reference })), ...digests] }
  const include = tags.map((tag) => ({ kind: 'regex' as const, source: `^${RegExp.escape(tag)}$`, flags: '' }))
  return { kind: 'rule', rule: { include, ...asked }, references: [] }
}

function inventoryRuleOf({ harbor: { labels, pushed } = {} }: NativeItem): TagRule {
  const { newerThan, olderThan } = pushed ?? {}
  return {
    ...(labels && { labels }),
    ...((newerThan !== undefined || olderThan !== undefined) && {
      pushed: { ...(newerThan !== undefined && { newerThan: parseMoment(newerThan) }), ...(olderThan !== undefined && { olderThan: parseMoment(olderThan) }) },
    }),
  }
}

function tagRuleOf(tags: NativeTagRule): TagRule {
  const { anyOf, include, exclude, semver, prereleases, newerThan, olderThan, latest } = tags
  return {
    ...(anyOf && { anyOf: anyOf.map(tagRuleOf) }),
    ...(include && { include: include.map(parsePattern) }), ...(exclude && { exclude: exclude.map(parsePattern) }),
    ...(semver !== undefined && { semver }), ...(prereleases !== undefined && { prereleases }),
    ...(newerThan !== undefined && { newerThan: parseMoment(newerThan) }), ...(olderThan !== undefined && { olderThan: parseMoment(olderThan) }),
    ...(latest !== undefined && { latest: typeof latest === 'number' ? { count: latest, by: 'semver' } : { count: latest.count, by: latest.by ?? 'semver' } }),
  }
}

function nameBy({ flatten, rename = [] }: { readonly [K in 'flatten' | 'rename']: NativeSpec[K] }, destinations: readonly Destination[]): readonly Destination[] {
  const rules = rename.map(({ match, replace, all, rooted }) => ({ match, replace, ...(all !== undefined && { all }), ...(rooted !== undefined && { rooted }) }))
  const keepComponents = flatten === true ? 1 : typeof flatten === 'object' ? flatten.keep : undefined
  return destinations.map((d) => (d.kind === 'exact' ? d : { ...d, rename: rules, ...(keepComponents === undefined ? {} : { keepComponents }) }))
}

function contentOf(content: NativeContent): Partial<ContentOptions> {
  const { platforms, platformPolicy, referrers, foreignLayers } = content
  return {
    ...(platforms && { platforms: platforms.map(parsePlatform) }), ...(platformPolicy && { platformPolicy }),
    ...(referrers !== undefined && { referrers }), ...(foreignLayers && { foreignLayers }),
  }
}

/** Who asked for it before it was written here. */
function originFrom({ askedBy: [first, ...others] = [], askedByMore: more }: NativeItem): Origin | undefined {
  return first && { ...first, ...(others.length > 0 && { others }), ...(more !== undefined && { more }) }
}

function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
