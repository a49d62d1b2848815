// What OpenAPI 3.1.1 asks of a document, as far as its structure goes (https://spec.openapis.org/oas/v3.1.1).
import { z } from 'zod'

const described = { description: z.string().optional() }
const ref = z.strictObject({ $ref: z.string(), ...described })
/** JSON Schema 2020-12: the keywords that are known, so that a misspelt one is found. */
const schemaKeywords = new Set([
  'type', 'properties', 'required', 'additionalProperties', 'propertyNames', 'items', 'anyOf', 'oneOf', 'allOf', 'not', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength',
  'maxLength', 'minItems', 'maxItems', 'pattern', 'format', 'description', 'title', 'default', 'examples', 'example', '$ref', 'deprecated',
])
const schema: z.ZodType = z.record(z.string(), z.unknown()).check((context) => {
  for (const key of Object.keys(context.value)) if (!schemaKeywords.has(key)) context.issues.push({ code: 'custom', message: `${key} is no keyword of a schema`, input: context.value, path: [key] })
})
const example = z.strictObject({ value: z.unknown(), summary: z.string().optional() })
const media = z.strictObject({ schema, example: z.unknown().optional(), examples: z.record(z.string(), example).optional() })
const content = z.record(z.string().regex(/^[a-z]+\/[\w.+-]+$/), media)
const header = z.strictObject({ ...described, schema })
const operation = z.strictObject({
  operationId: z.string(), summary: z.string(), ...described, tags: z.array(z.string()).min(1),
  parameters: z.array(z.strictObject({ ...described, name: z.string(), in: z.enum(['path', 'query', 'header', 'cookie']), required: z.boolean().optional(), schema })).optional(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  requestBody: z.strictObject({ required: z.boolean().optional(), content, ...described }).optional(),
  responses: z.record(z.string().regex(/^(?:[1-5]\d\d|default)$/), z.strictObject({ description: z.string().min(1), headers: z.record(z.string(), header).optional(), content: content.optional() })),
})
export const openApiDocumentSchema = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({ title: z.string(), version: z.string(), ...described, license: z.strictObject({ name: z.string(), identifier: z.string().optional() }) }),
  servers: z.array(z.strictObject({ url: z.string(), ...described })),
  tags: z.array(z.strictObject({ name: z.string(), ...described })), security: z.array(z.record(z.string(), z.array(z.string()))),
  components: z.strictObject({ schemas: z.record(z.string().regex(/^[\w.-]+$/), schema), securitySchemes: z.record(z.string(), z.union([ref, z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), ...described })])) }),
  paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post']), operation)),
})
export type OpenApiDocument = z.output<typeof openApiDocumentSchema>

/** Every `$ref` below. */
export function* refsOf(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value)) {
    if (key === '$ref' && typeof child === 'string') yield child
    else yield* refsOf(child)
  }
}
