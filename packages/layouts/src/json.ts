import { LayoutError } from './errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject { return typeof value === 'object' && value !== null && !Array.isArray(value) }

export function isStrings(value: unknown): value is readonly string[] { return Array.isArray(value) && value.every((each) => typeof each === 'string') }

/** @param what names the document. @throws LayoutError LAYOUT_INVALID */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (error) {
    throw new LayoutError('LAYOUT_INVALID', `${what} is not JSON (${(error as Error).message})`, error)
  }
}
