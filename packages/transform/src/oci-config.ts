// A Docker configuration holds more than OCI's: what OCI has no field for is left out, as containers/image does it.
// OCI image-spec v1.1.1, config.md#properties.
import { refuse } from './errors.ts'
import { goJson, goObject, goTime, RawJson, sorted } from './go-json.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * The OCI configuration that containers/image 5 makes of a Docker one, byte for byte.
 * @throws ChangeError `CHANGE_REFUSED` when a field is not what the specification says
 */
export function ociConfigOf(bytes: Uint8Array, what: string): Uint8Array {
  const fields = new Fields(parseObject(bytes, what), what)
  const config = fields.child('config')
  const rootfs = fields.child('rootfs')
  return Buffer.from(goObject(present([
    ['created', fields.time('created')], ['author', fields.text('author')], ['architecture', fields.text('architecture') ?? ''],
    ['variant', fields.text('variant')], ['os', fields.text('os') ?? ''], ['os.version', fields.text('os.version')], ['os.features', fields.texts('os.features')],
    ['config', new RawJson(goObject(present([
      ['User', config.text('User')], ['ExposedPorts', config.set('ExposedPorts')], ['Env', config.texts('Env')], ['Entrypoint', config.texts('Entrypoint')],
      ['Cmd', config.texts('Cmd')], ['Volumes', config.set('Volumes')], ['WorkingDir', config.text('WorkingDir')], ['Labels', config.map('Labels')],
      ['StopSignal', config.text('StopSignal')], ['ArgsEscaped', config.flag('ArgsEscaped')],
    ])))],
    ['rootfs', new RawJson(goObject([['type', rootfs.text('type') ?? ''], ['diff_ids', rootfs.list('diff_ids') ?? null]]))],
    ['history', fields.objects('history', (entry) => new RawJson(goObject(present([
      ['created', entry.time('created')], ['created_by', entry.text('created_by')], ['author', entry.text('author')], ['comment', entry.text('comment')], ['empty_layer', entry.flag('empty_layer')],
    ]))))],
  ])))
}

/** @throws ChangeError `CHANGE_REFUSED` when it is no JSON object */
export function parseObject(bytes: Uint8Array | string, what: string): Json {
  let json: unknown
  try {
    json = JSON.parse(typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    refuse(what, `is not JSON (${(error as Error).message})`)
  }
  return isObject(json) ? json : refuse(what, 'is not a JSON object')
}

function isObject(value: unknown): value is Json { return typeof value === 'object' && value !== null && !Array.isArray(value) }
function isTexts(value: unknown): value is readonly string[] { return Array.isArray(value) && value.every((entry) => typeof entry === 'string') }
function present(entries: readonly (readonly [string, unknown])[]): readonly (readonly [string, unknown])[] { return entries.filter(([, value]) => value !== undefined) }

/** Fields read strictly, and given as `undefined` where Go leaves them out: absent, null, empty or zero. */
class Fields {
  readonly #json: Json
  readonly #what: string
  constructor(json: Json, what: string) {
    this.#json = json
    this.#what = what
  }

  text(name: string): string | undefined {
    const value = this.#get(name, 'text', (found): found is string => typeof found === 'string')
    return value === '' ? undefined : value
  }
  flag(name: string): true | undefined { return this.#get(name, 'true or false', (found): found is boolean => typeof found === 'boolean') === true ? true : undefined }
  list(name: string): readonly string[] | undefined { return this.#get(name, 'a list of texts', isTexts) }
  texts(name: string): readonly string[] | undefined {
    // Docker of old wrote a single text where a list is meant.
    const value = this.#json[name]
    const list = typeof value === 'string' ? [value] : this.list(name)
    return list?.length === 0 ? undefined : list
  }
  time(name: string): string | undefined {
    const value = this.#get(name, 'a time', (found): found is string => goTime(found) !== undefined)
    return value === undefined ? undefined : goTime(value)
  }
  set(name: string): RawJson | undefined {
    const value = sorted(this.#get(name, 'an object', isObject) ?? {})
    return value.length === 0 ? undefined : new RawJson(goObject(value.map(([key]) => [key, {}])))
  }
  map(name: string): RawJson | undefined {
    const value = sorted(this.#get(name, 'an object of texts', (found): found is Readonly<Record<string, string>> => isObject(found) && isTexts(Object.values(found))) ?? {})
    return value.length === 0 ? undefined : new RawJson(goObject(value))
  }
  child(name: string): Fields { return new Fields(this.#get(name, 'an object', isObject) ?? {}, `${this.#what}: ${name}`) }
  objects(name: string, write: (entry: Fields) => RawJson): RawJson | undefined {
    const list = this.#get(name, 'a list of objects', (found): found is readonly Json[] => Array.isArray(found) && found.every(isObject))
    return list === undefined || list.length === 0 ? undefined : new RawJson(`[${list.map((entry, i) => write(new Fields(entry, `${this.#what}: ${name}[${i}]`)).text).join(',')}]`)
  }

  #get<T>(name: string, kind: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#json[name]
    if (value === undefined || value === null) return undefined
    return is(value) ? value : refuse(this.#what, `${name} is not ${kind} (${goJson(value).slice(0, 60)})`)
  }
}
