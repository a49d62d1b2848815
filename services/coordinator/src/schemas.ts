// The form of what the API takes and answers. GET /api/v1/openapi.json is made from this; docs/api.md explains it.
import { reportSchema } from '@longshore/report/schema'
import { specFormats } from '@longshore/spec'
import { z } from 'zod'
import { examples } from './examples.ts'

/** The schemas with names of their own in the OpenAPI document. */
export const components = z.registry<{ readonly id: string }>()

export function component<T extends z.ZodType>(id: string, schema: T): T {
  components.add(schema, { id })
  return schema
}

export const count = z.int().min(0)
export const bytes = z.int().min(0)
const amount = component('Amount', z.object({ count, bytes }))
export const time = z.iso.datetime()
const registryDigest = z.string().meta({ description: 'algorithm:hex' })

export const errorSchema = component('Error', z.object({
  name: z.string(), code: z.string().meta({ description: 'an entry of docs/errors.md' }), message: z.string(),
  side: z.enum(['source', 'destination']).optional(), op: z.string().optional(), status: z.int().optional(), registry: z.string().optional(), get cause() { return errorSchema.optional() },
}))

export const problemPlaceSchema = component('SpecProblem', z.object({
  file: z.string(), line: z.int().min(1).optional(), column: z.int().min(1).optional(), message: z.string(),
}))

export const problemSchema = component('Problem', z.looseObject({
  type: z.string().meta({ description: 'urn:longshore:error:CODE' }), title: z.string(), status: z.int(), detail: z.string(), code: z.string().meta({ description: 'an entry of docs/errors.md' }),
  problems: z.array(problemPlaceSchema).optional().meta({ description: 'of SPEC_INVALID and CREDENTIALS_REFUSED: everything that is wrong, with its place' }),
  errors: z.array(z.object({ in: z.enum(['path', 'query', 'body']), path: z.string(), message: z.string() })).optional().meta({ description: 'of REQUEST_INVALID: what is wrong with parameters' }),
}).meta({ description: 'RFC 9457' }))

export const stateSchema = component('State', z.enum(['running', 'paused', 'stopping', 'stopped', 'cancelled', 'failed', 'complete'])
  .meta({ description: 'complete: every image is at its end, well or not; failed: the run itself failed (see error); stopped and cancelled: ended before that' }))

export const optionsSchema = component('Options', z.object({
  srcTlsVerify: z.boolean(), destTlsVerify: z.boolean(), keepGoing: z.boolean(), distrust: z.boolean(), window: count,
}))

const blobs = component('Blobs', z.object({ pushed: amount, mounted: amount, existed: amount }))

export const migrationSchema = component('Migration', z.object({
  id: z.string(), name: z.string().optional(), task: z.enum(['migrate', 'plan', 'verify']), state: stateSchema, created: time, ended: time.optional(),
  expanded: z.boolean().meta({ description: 'every image is found: images.found is final' }),
  options: optionsSchema, error: errorSchema.optional().meta({ description: 'why it failed as a whole' }),
  images: z.object({
    found: count, resolved: count, copied: count, present: count, failed: count, open: count.meta({ description: 'found, and not at their end' }),
  }),
  blobs, expectedBytes: bytes.meta({ description: 'of blobs that were not known to be there, over all images resolved' }),
  manifests: count, referrers: count, rewritten: count,
  nodes: z.object({ waiting: count, ready: count, leased: count, done: count, failed: count }).optional().meta({ description: 'of the open images; absent at the end' }),
  workers: count.meta({ description: 'that are alive, whatever they work on' }), led: z.boolean().meta({ description: 'whether a coordinator leads it at the moment' }),
  elapsedMs: count, etaMs: count.optional().meta({ description: 'absent while nothing can be said' }),
}))

export const submittedSchema = component('Submitted', migrationSchema.extend({
  resumed: z.boolean().meta({ description: 'the same was under way already' }), warnings: z.array(problemPlaceSchema),
}))
export const migrationsSchema = component('Migrations', z.object({ migrations: z.array(migrationSchema), next: z.string().optional().meta({ description: 'cursor of the next page; absent on the last' }) }))

export const imageStateSchema = component('ImageState', z.enum(['ready', 'resolving', 'moving', 'copied', 'present', 'failed']))
export const imageSchema = component('Image', z.object({
  id: z.string().meta({ description: 'the destination: registry/repository:tag or registry/repository@digest' }), source: z.string(), destination: z.string(), state: imageStateSchema,
  digest: registryDigest.optional(), rewritten: registryDigest.optional(), referrers: count.optional(), blobs: blobs.optional(), ms: z.number().min(0).optional(),
  code: z.string().optional(), error: errorSchema.optional(), hint: z.string().optional().meta({ description: 'what to do about the error' }),
}))
export const imagesSchema = component('Images', z.object({ images: z.array(imageSchema), next: z.string().optional() }))

export const nodesSchema = component('Nodes', z.object({
  image: z.string(), state: imageStateSchema,
  nodes: z.array(component('Node', z.object({
    key: z.string().meta({ description: 'blob, manifest or tag, and what and where it is' }), state: z.enum(['waiting', 'ready', 'leased', 'done', 'failed']),
    worker: z.string().optional(), code: z.string().optional(), error: errorSchema.optional(),
  }))).meta({ description: 'empty where the image is not resolved yet, or at its end' }),
}))

const transferSchema = component('Transfer', z.object({ migration: z.string(), registry: z.string(), repository: z.string(), digest: registryDigest, size: z.int(), sent: bytes }))
export const workerSchema = component('Worker', z.object({
  id: z.string(), role: z.enum(['worker', 'coordinator']), host: z.string(), pid: z.int(), version: z.string(), started: z.string(),
  inFlight: z.object({ images: count, blobs: count, manifests: count }), transfers: z.array(transferSchema).meta({ description: 'the largest on their way' }),
}))
export const workersSchema = component('Workers', z.object({ workers: z.array(workerSchema) }))

/** What an SSE message of the type `status` or `end` holds. */
export const statusEventSchema = component('StatusEvent', migrationSchema.extend({ transfers: z.array(transferSchema) }))

component('ReportError', reportSchema.shape.unlisted.element.shape.error)
export const publishedReportSchema = component('Report', reportSchema)

export const openApiSchema = component('OpenApiDocument', z.looseObject({ openapi: z.string() }))

// What comes in.

export const place = z.string().min(1).max(1_000)
const name = z.string().min(1).max(200)
const platform = z.string().min(1).max(200).meta({ description: 'os/architecture[/variant]' })
const format = z.enum(specFormats)
const platformPolicy = z.enum(['sparse', 'strip'])
const foreignLayers = z.enum(['keep', 'copy'])
const described = {
  name: 'a name for people', format: 'what the spec is; told by its content otherwise', from: 'HOST[/PREFIX]: where names without a registry are read (default: docker.io)',
  to: 'HOST[/PREFIX], several where given again: where images go', fromForAll: 'read full references of other registries from `from` too', platforms: 'carry only these children of an index',
  platformPolicy: 'leave indexes as they are (sparse), or write such as list only what was carried (strip)', referrers: 'carry signatures, SBOMs and other referrers along (default: true)',
  foreignLayers: 'leave layers that live at other URLs there (keep), or carry them (copy)', srcTlsVerify: 'verify the source\'s certificate (default: true); false also allows plain HTTP',
  destTlsVerify: 'the same for the destination', keepGoing: 'leave the other images alone when one fails (default: true)', distrust: 'take nothing at the destination as present (a repair)',
  window: 'how many images may be open at once (default: 512)',
} as const
type OptionName = keyof typeof described
function describe<T extends z.ZodType>(key: OptionName, schema: T): z.ZodOptional<T> { return schema.optional().meta({ description: described[key] }) }

const maxWindow = 10_000
const bool = z.boolean()
export const submitOptionsSchema = z.strictObject({
  name: describe('name', name), format: describe('format', format), from: describe('from', place), to: describe('to', z.union([place, z.array(place)])), fromForAll: describe('fromForAll', bool),
  platforms: describe('platforms', z.array(platform)), platformPolicy: describe('platformPolicy', platformPolicy), referrers: describe('referrers', bool), foreignLayers: describe('foreignLayers', foreignLayers),
  srcTlsVerify: describe('srcTlsVerify', bool), destTlsVerify: describe('destTlsVerify', bool), keepGoing: describe('keepGoing', bool), distrust: describe('distrust', bool),
  window: describe('window', z.int().min(1).max(maxWindow)),
})
export type SubmitOptions = z.output<typeof submitOptionsSchema>

/** The same in a query, where all is text. */
const queryBool = z.enum(['true', 'false']).transform((text) => text === 'true')
const queryList = (one: z.ZodString): z.ZodType<string[]> => z.union([one, z.array(one)]).transform((given) => (typeof given === 'string' ? [given] : given).flatMap((text) => text.split(',')))
export const submitQuerySchema = z.strictObject({
  file: z.string().min(1).max(500).optional().meta({ description: 'what the spec is called in messages and in the report' }),
  name: describe('name', name), format: describe('format', format), from: describe('from', place), to: describe('to', z.union([place, z.array(place)])), fromForAll: describe('fromForAll', queryBool),
  platforms: describe('platforms', queryList(z.string())), platformPolicy: describe('platformPolicy', platformPolicy), referrers: describe('referrers', queryBool),
  foreignLayers: describe('foreignLayers', foreignLayers), srcTlsVerify: describe('srcTlsVerify', queryBool), destTlsVerify: describe('destTlsVerify', queryBool), keepGoing: describe('keepGoing', queryBool),
  distrust: describe('distrust', queryBool), window: describe('window', z.string().regex(/^\d{1,5}$/).transform(Number).pipe(z.number().min(1).max(maxWindow))),
})

export const submitSchema = component('Submit', submitOptionsSchema.extend({
  spec: z.string().optional().meta({ description: 'the text of an images list, a YAML spec or a file of another tool (docs/spec.md)' }),
  specs: z.array(z.strictObject({ file: z.string().min(1).max(500), content: z.string() })).min(1).max(1_000).optional().meta({ description: 'several of them, in place of spec' }),
}).check((context) => {
  if ((context.value.spec === undefined) === (context.value.specs === undefined)) context.issues.push({ code: 'custom', message: 'give either spec or specs', input: context.value, path: ['spec'] })
}).meta({ examples: [examples.submit] }))

export const limit = (fallback: number, most: number): z.ZodType<number> => z.string().regex(/^\d{1,6}$/, 'give a whole number').transform(Number)
  .pipe(z.number().min(1).max(most)).optional().transform((given) => given ?? fallback).meta({ description: `at most so many (default: ${fallback}, most: ${most})` })

export const cursor = z.string().max(4_000).optional().meta({ description: '`next` of the page before' })
export const listQuerySchema = z.strictObject({ state: stateSchema.optional(), limit: limit(50, 500), cursor })
export const imagesQuerySchema = z.strictObject({
  state: z.union([imageStateSchema, z.enum(['open', 'settled'])]).optional().meta({ description: 'open: ready, resolving or moving; settled: copied, present or failed' }), limit: limit(100, 10_000), cursor,
})
export const eventsQuerySchema = z.strictObject({ after: z.string().max(100).optional().meta({ description: 'as the header Last-Event-ID, for those who cannot set it' }) })
export const noQuerySchema = z.strictObject({})
export const idSchema = z.strictObject({ id: z.string().min(1).max(64) })
export const imageParamsSchema = z.strictObject({ id: z.string().min(1).max(64), image: z.string().min(1).max(2_000).meta({ description: 'the image\'s id, percent-encoded' }) })
