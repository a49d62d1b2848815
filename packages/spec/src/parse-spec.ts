// Which format a spec is in is told by its content; then every spec of a run becomes one migration. A list needs no YAML parser and no
// validator: 170 modules are loaded where there is YAML, and another tool's reader where there is its file.
import { type AccessHint, uniteHints } from './access-hint.ts'
import { decodeText, type SpecInput } from './decode-text.ts'
import type { SpecDocument } from './document.ts'
import { checkDestinations, uniteDestinations } from './check-destinations.ts'
import { type ListContext, parseListText } from './images-list.ts'
import type { AskedImage, AskedImages } from './kubernetes.ts'
import { isKubernetes } from './kubernetes-format.ts'
import { defaultContent, type Entry, type Migration } from './migration.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { dockerHub } from './place.ts'
import { placeOf, type Problem, SpecError } from './spec-error.ts'

/** Files of other tools. */
export const foreignFormats = ['skopeo', 'image-syncer', 'regsync', 'dregsy'] as const
export type ForeignFormat = typeof foreignFormats[number]
/** `yaml` is the native spec, `kubernetes` what clusters run. */
export const specFormats = ['list', 'yaml', 'kubernetes', ...foreignFormats] as const
export type SpecFormat = typeof specFormats[number]
export interface SpecOptions extends ParseOptions { readonly format?: SpecFormat }

/** Several specs as one migration. @throws SpecError with the problems of all of them. */
export async function parseSpecs(inputs: readonly SpecInput[], options: SpecOptions): Promise<ParsedSpec> {
  const entries: Entry[] = []
  const warnings: Problem[] = []
  const problems: Problem[] = []
  const hints: AccessHint[] = []
  let cutover: Pick<ParsedSpec, 'cutoverAt' | 'migration'> | undefined
  const settings: Array<Parameters<typeof uniteDestinations>[0][number]> = []
  /** What clusters run is one, whichever files say so: two may know one tag by two digests. */
  const asked: AskedImage[] = []
  const files = new Set<string>()
  const fromObjects: Entry[] = []
  for (const input of inputs) {
    try {
      const parsed = await read(input, options)
      if ('images' in parsed) {
        files.add(input.name)
        for (const image of parsed.images) asked.push(image)
        for (const warning of parsed.warnings) warnings.push(warning)
        continue
      }
      for (const entry of parsed.migration.entries) entries.push(entry)
      for (const warning of parsed.warnings) warnings.push(warning)
      hints.push(...parsed.access ?? [])
      if (parsed.migration.destinations) settings.push({ file: input.name, destinations: parsed.migration.destinations })
      if (!parsed.cutoverAt) continue
      if (cutover?.cutoverAt) problems.push({ ...parsed.cutoverAt, message: `a second cutover: section; the first is at ${placeOf(cutover.cutoverAt)}, and one counts for all specs` })
      cutover ??= parsed
    } catch (error) {
      if (!(error instanceof SpecError)) throw error
      for (const problem of error.problems) problems.push(problem)
    }
  }
  if (asked.length > 0) {
    try {
      const { migration, warnings: told } = await settle(asked, options)
      for (const entry of migration.entries) {
        entries.push(entry)
        fromObjects.push(entry)
      }
      warnings.push(...told)
    } catch (error) {
      if (!(error instanceof SpecError)) throw error
      problems.push(...error.problems)
    }
  }
  // Of an auth file alone nobody has said so yet.
  const [first] = inputs
  if (entries.length === 0 && warnings.length === 0 && first) warnings.push({ file: first.name, message: 'names no images' })
  const united = uniteHints(hints)
  problems.push(...united.problems)
  const { destinations, problems: contradictions } = uniteDestinations(settings)
  problems.push(...contradictions)
  const migration: Migration = { entries, ...(settings.length === 0 ? {} : { destinations }), ...(cutover?.migration.cutover ? { cutover: cutover.migration.cutover } : {}) }
  const checked = checkDestinations(migration)
  problems.push(...checked.problems)
  if (problems.length > 0) throw new SpecError(problems)
  const objects = files.size === 0 ? {} : { objects: { files, migration: { entries: fromObjects } } }
  return {
    migration, warnings: [...warnings, ...checked.warnings], ...(cutover?.cutoverAt ? { cutoverAt: cutover.cutoverAt } : {}), ...objects, ...(hints.length === 0 ? {} : { access: united.access }),
  }
}

/** @throws SpecError */
export async function parseSpec(input: SpecInput, options: SpecOptions): Promise<ParsedSpec> {
  const parsed = await read(input, options)
  if (!('images' in parsed)) return parsed
  const { migration, warnings } = await settle(parsed.images, options)
  return { migration, warnings: [...parsed.warnings, ...warnings] }
}

async function settle(asked: readonly AskedImage[], options: ParseOptions): Promise<ParsedSpec> {
  const { entries, warnings } = (await import('./asked-entries.ts')).entriesOf(asked, listContext(options))
  return { migration: { entries }, warnings }
}

async function read(input: SpecInput, options: SpecOptions): Promise<ParsedSpec | AskedImages> {
  const file = input.name
  const text = decodeText(input)
  if (typeof text !== 'string') throw new SpecError([text])
  if (text.trim() === '') throw new SpecError([{ file, message: 'is empty; write an image a line, or a YAML spec (docs/spec.md)' }])
  const context = listContext(options)
  if ((options.format ?? detectFormat(text)) === 'list') return parseListText(file, text, context)
  if (options.format === 'kubernetes' || (options.format === undefined && isKubernetes(text))) return (await import('./kubernetes.ts')).readKubernetes(file, text)
  if (options.format !== 'yaml' && !isPlainlyNative(text)) {
    const { readDocument } = await import('./document.ts')
    const document = readDocument(file, text)
    const format = options.format ?? (await import('./foreign-format.ts')).foreignFormat(document.value)
    if (format !== undefined && format !== 'list') return await parseForeign(file, document, format, options)
  }
  const { normaliseYaml, readYaml } = await import('./native-yaml.ts')
  return normaliseYaml(file, readYaml(file, text), options)
}

function listContext(options: ParseOptions): ListContext {
  const { from, to } = placesOf(options)
  return { from: from ?? dockerHub, to: to ?? [], fromForAll: options.fromForAll ?? false, content: { ...defaultContent, ...options.content } }
}

async function parseForeign(file: string, document: SpecDocument, format: ForeignFormat, options: ParseOptions): Promise<ParsedSpec> {
  if (document.value === null || document.value === undefined) throw new SpecError([{ file, message: 'is empty' }])
  switch (format) {
    case 'skopeo': return (await import('./skopeo-sync.ts')).parseSkopeoDocument(file, document, options)
    case 'image-syncer': return (await import('./image-syncer.ts')).parseImageSyncer(file, document, options)
    case 'regsync': return (await import('./regsync.ts')).parseRegsync(file, document, options)
    case 'dregsy': return (await import('./dregsy.ts')).parseDregsy(file, document, options)
  }
}

/** YAML (and JSON) start with a document mark, a collection, an item, or a key; a list's line never has ": ". */
export function detectFormat(text: string): 'list' | 'yaml' {
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    return /^(?:---|%YAML|\/[/*]|[[{]|-\s|["'][^"']+["']\s*:|[^\s#]+\s*:(?:\s|$))/.test(line) ? 'yaml' : 'list'
  }
  return 'list'
}

/** Most specs are, and need not be read twice. */
function isPlainlyNative(text: string): boolean {
  return /^version:/m.test(text) && /^images:/m.test(text) && !/^(?:sync|tasks):/m.test(text)
}
