// An image's configuration as the structs that skopeo decodes it into: what it prints with --config, and what templates see.
import { GoList, GoMap, GoNil, GoStruct, GoTime, type GoValue, strings } from '../go-template/value.ts'
import { goQuote } from './go-words.ts'
import { SkopeoError } from './skopeo-error.ts'

export type Json = Readonly<Record<string, unknown>>

/** @throws SkopeoError when it is not a JSON object */
export function parseJsonObject(bytes: Uint8Array, what: string): Json {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new SkopeoError(`${what} is not JSON`, 'SKOPEO_FAILED', { cause: error })
  }
  return asObject(value, what)
}

function asObject(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new SkopeoError(`${what} is not a JSON object`)
}

/** encoding/json takes a key in whatever case. */
function field(object: Json, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name]
  const key = Object.keys(object).find((one) => one.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : object[key]
}

function wrong(name: string, type: string): SkopeoError { return new SkopeoError(`json: cannot unmarshal field ${name} of the configuration into Go value of type ${type}`) }

export function textAt(object: Json, name: string): string {
  const value = field(object, name) ?? ''
  if (typeof value !== 'string') throw wrong(name, 'string')
  return value
}

function boolAt(object: Json, name: string): boolean {
  const value = field(object, name) ?? false
  if (typeof value !== 'boolean') throw wrong(name, 'bool')
  return value
}

export function stringsAt(object: Json, name: string): readonly string[] | undefined {
  const value = field(object, name) ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value) || !value.every((one): one is string => typeof one === 'string')) throw wrong(name, '[]string')
  return value
}

export function objectAt(object: Json, name: string): Json | undefined {
  const value = field(object, name) ?? undefined
  return value === undefined ? undefined : asObject(value, `${name} of the configuration`)
}

/** A map of text; undefined for none. */
export function textsAt(object: Json, name: string): Readonly<Record<string, string>> | undefined {
  const value = objectAt(object, name)
  if (value && !Object.values(value).every((one) => typeof one === 'string')) throw wrong(name, 'string')
  return value as Readonly<Record<string, string>> | undefined
}

export function timeAt(object: Json, name: string): GoTime | GoNil {
  const value = field(object, name) ?? undefined
  if (value === undefined) return new GoNil('*time.Time')
  const time = typeof value === 'string' ? GoTime.parse(value) : undefined
  if (!time) throw new SkopeoError(`parsing time ${goQuote(JSON.stringify(value))}: ${name} of the configuration is no time as RFC 3339 writes it`)
  return time
}

const emptyStruct = new GoStruct('struct {}', [])

function setAt(object: Json, name: string): GoMap {
  const value = objectAt(object, name)
  return new GoMap('map[string]struct {}', value && Object.fromEntries(Object.keys(value).map((key) => [key, emptyStruct])))
}

/** image-spec's v1.Image, in the order in which skopeo writes it. */
export function ociConfig(json: Json): GoStruct {
  const config = objectAt(json, 'config') ?? {}
  const rootfs = objectAt(json, 'rootfs') ?? {}
  const history = field(json, 'history') ?? undefined
  if (history !== undefined && !Array.isArray(history)) throw wrong('history', '[]v1.History')
  const optional = (name: string, tag: string, value: GoValue) => ({ name, json: tag, omitEmpty: true, value })
  return new GoStruct('v1.Image', [
    optional('Created', 'created', timeAt(json, 'created')),
    optional('Author', 'author', textAt(json, 'author')),
    { name: 'Architecture', json: 'architecture', value: textAt(json, 'architecture') },
    optional('Variant', 'variant', textAt(json, 'variant')),
    { name: 'OS', json: 'os', value: textAt(json, 'os') },
    optional('OSVersion', 'os.version', textAt(json, 'os.version')),
    optional('OSFeatures', 'os.features', strings(stringsAt(json, 'os.features'))),
    { name: 'Config', json: 'config', omitEmpty: true, value: new GoStruct('v1.ImageConfig', [
      optional('User', 'User', textAt(config, 'User')),
      optional('ExposedPorts', 'ExposedPorts', setAt(config, 'ExposedPorts')),
      optional('Env', 'Env', strings(stringsAt(config, 'Env'))),
      optional('Entrypoint', 'Entrypoint', strings(stringsAt(config, 'Entrypoint'))),
      optional('Cmd', 'Cmd', strings(stringsAt(config, 'Cmd'))),
      optional('Volumes', 'Volumes', setAt(config, 'Volumes')),
      optional('WorkingDir', 'WorkingDir', textAt(config, 'WorkingDir')),
      optional('Labels', 'Labels', new GoMap('map[string]string', textsAt(config, 'Labels'))),
      optional('StopSignal', 'StopSignal', textAt(config, 'StopSignal')),
      optional('ArgsEscaped', 'ArgsEscaped', boolAt(config, 'ArgsEscaped')),
    ]) },
    { name: 'RootFS', json: 'rootfs', value: new GoStruct('v1.RootFS', [
      { name: 'Type', json: 'type', value: textAt(rootfs, 'type') },
      { name: 'DiffIDs', json: 'diff_ids', value: new GoList('[]digest.Digest', stringsAt(rootfs, 'diff_ids')) },
    ]) },
    optional('History', 'history', new GoList('[]v1.History', history?.map((one) => historyEntry(asObject(one, 'an entry of history'))))),
  ])
}

function historyEntry(json: Json): GoStruct {
  const optional = (name: string, tag: string, value: GoValue) => ({ name, json: tag, omitEmpty: true, value })
  return new GoStruct('v1.History', [
    optional('Created', 'created', timeAt(json, 'created')),
    optional('CreatedBy', 'created_by', textAt(json, 'created_by')),
    optional('Author', 'author', textAt(json, 'author')),
    optional('Comment', 'comment', textAt(json, 'comment')),
    optional('EmptyLayer', 'empty_layer', boolAt(json, 'empty_layer')),
  ])
}
