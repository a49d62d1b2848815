// What Harbor's answers are made of. Fields that are not named here pass unseen; Go writes empty lists as `null`.
import { z } from 'zod'

export const text = z.string().nullish().transform((value) => value ?? undefined)
export const id = z.number().int()
export const count = z.number().nullish().transform((value) => value ?? 0)
export const flag = z.boolean().nullish().transform((value) => value ?? false)
/** RFC 3339; Go's zero time is no time. */
export const time = z.string().nullish().transform((value) => (value === null || value === undefined || value.startsWith('0001-') ? undefined : value))
export function listOf<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> { return item.array().nullish().transform((value): readonly T[] => value ?? []) }
/** Metadata and selectors are text, whatever they mean. */
export const texts = z.record(z.string(), z.unknown()).nullish().transform((value): Readonly<Record<string, string>> => (
  Object.fromEntries(Object.entries(value ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))))
