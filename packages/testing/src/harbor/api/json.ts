import { badRequest, type HarborRefusal } from '../harbor-error.ts'

export type Json = Readonly<Record<string, unknown>>

export function time(ms: number): string {
  return new Date(ms).toISOString()
}

/** An `omitempty` of Go: absent where it says nothing. */
export function present(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '' && value !== 0 && value !== false && !(Array.isArray(value) && value.length === 0)))
}

/** What Go's decoder says, as go-swagger tells it. */
function wrong(name: string, type: string, value: unknown): HarborRefusal {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return badRequest(`parsing body from "" failed, because json: cannot unmarshal ${found} into Go struct field .${name} of type ${type}`)
}

/** @throws HarborRefusal 400 */
export function textOf(body: Json, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrong(name, 'string', value)
  return value
}

/** @throws HarborRefusal 400 */
export function numberOf(body: Json, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(name, 'int64', value)
  return value
}

/** @throws HarborRefusal 400 */
export function flagOf(body: Json, name: string): boolean | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw wrong(name, 'bool', value)
  return value
}

/** @throws HarborRefusal 400 */
export function objectOf(body: Json, name: string): Json | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(name, 'struct', value)
  return value as Json
}

/** @throws HarborRefusal 400 */
export function listOf(body: Json, name: string): readonly Json[] | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value) || value.some((entry) => typeof entry !== 'object' || entry === null)) throw wrong(name, 'slice', value)
  return value as readonly Json[]
}
