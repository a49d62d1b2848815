// Which format a spec is in is told by its content; then every spec of a run becomes one migration. A list needs no YAML parser and no
// validator: 170 modules are loaded where there is YAML.
import { decodeText, type SpecInput } from './decode-text.ts'
import { parseListText } from './images-list.ts'
import { defaultContent, type Entry } from './migration.ts'
import { type ParsedSpec, type ParseOptions, placesOf } from './parse-options.ts'
import { dockerHub } from './place.ts'
import { type Problem, SpecError } from './spec-error.ts'

export type SpecFormat = 'list' | 'yaml'
export interface SpecOptions extends ParseOptions { readonly format?: SpecFormat }

/** Several specs as one migration. @throws SpecError with the problems of all of them. */
export async function parseSpecs(inputs: readonly SpecInput[], options: SpecOptions): Promise<ParsedSpec> {
  const entries: Entry[] = []
  const warnings: Problem[] = []
  const problems: Problem[] = []
  for (const input of inputs) {
    try {
      const parsed = await parseSpec(input, options)
      for (const entry of parsed.migration.entries) entries.push(entry)
      for (const warning of parsed.warnings) warnings.push(warning)
    } catch (error) {
      if (!(error instanceof SpecError)) throw error
      for (const problem of error.problems) problems.push(problem)
    }
  }
  if (problems.length > 0) throw new SpecError(problems)
  return { migration: { entries }, warnings }
}

/** @throws SpecError */
export async function parseSpec(input: SpecInput, options: SpecOptions): Promise<ParsedSpec> {
  const file = input.name
  const text = decodeText(input)
  if (typeof text !== 'string') throw new SpecError([text])
  if (text.trim() === '') throw new SpecError([{ file, message: 'is empty; write an image a line, or a YAML spec (docs/spec.md)' }])
  const { from, to } = placesOf(options)
  if ((options.format ?? detectFormat(text)) === 'list') {
    return parseListText(file, text, {
      from: from ?? dockerHub, to: to ?? [], fromForAll: options.fromForAll ?? false, content: { ...defaultContent, ...options.content },
    })
  }
  const { normaliseYaml, readYaml } = await import('./native-yaml.ts')
  const yaml = readYaml(file, text)
  const foreign = options.format === undefined ? foreignFormat(yaml.value) : undefined
  if (foreign !== undefined) {
    throw new SpecError([{ file, message: `looks like ${foreign}, which is not taken yet; write its images as a list or as a native spec (docs/spec.md), or say --format yaml if it is one` }])
  }
  return normaliseYaml(file, yaml, options)
}

/** YAML (and JSON) start with a document mark, a collection, an item, or a key; a list's line never has ": ". */
export function detectFormat(text: string): SpecFormat {
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    return /^(?:---|%YAML|[[{]|-\s|["'][^"']+["']\s*:|[^\s#]+\s*:(?:\s|$))/.test(line) ? 'yaml' : 'list'
  }
  return 'list'
}

/** The tool whose configuration this is, by the keys that only it has. */
function foreignFormat(value: unknown): string | undefined {
  if (!isMap(value) || 'version' in value && Array.isArray(value['images'])) return undefined
  if (Array.isArray(value['sync']) && (value['sync'] as unknown[]).some((item) => isMap(item) && 'source' in item && 'target' in item)) return 'a regsync YAML'
  if (isMap(value['images']) || isMap(value['auth'])) return 'an image-syncer configuration'
  const values = Object.entries(value)
  if (values.length === 0) return undefined
  const skopeoKeys = ['images', 'images-by-tag-regex', 'images-by-semver', 'tls-verify', 'cert-dir', 'credentials']
  if (values.every(([, v]) => isMap(v) && skopeoKeys.some((key) => key in v))) return 'a skopeo sync YAML'
  const isName = (key: string): boolean => /[./:]/.test(key)
  if (values.every(([key, v]) => isName(key) && (typeof v === 'string' || Array.isArray(v)))) return 'an image-syncer images file'
  if (values.every(([key, v]) => isName(key) && isMap(v) && 'username' in v)) return 'an image-syncer auth file'
  return undefined
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
