// Which keys a zod schema has at a place, for suggestions.
import { z } from 'zod'

/** The keys that a schema knows at a path, for suggestions. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = z.toJSONSchema(schema, { io: 'input' })
  for (const part of path) at = typeof part === 'number' ? branch(at, 'items') : branch(branch(at, 'properties'), String(part)) ?? branch(at, 'additionalProperties')
  const properties = branch(at, 'properties')
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

/** The member of a JSON Schema node, or of that one of its alternatives which has it. */
function branch(at: unknown, key: string): unknown {
  if (typeof at !== 'object' || at === null) return undefined
  if (key in at) return (at as Record<string, unknown>)[key]
  return 'anyOf' in at && Array.isArray(at.anyOf) ? at.anyOf.map((option: unknown) => branch(option, key)).find((found) => found !== undefined) : undefined
}
