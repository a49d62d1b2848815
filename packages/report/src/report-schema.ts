// The report's form. schema/report.schema.json is made from this (a test compares), docs/report.md explains it.
import { z } from 'zod'

const digest = z.string().meta({ description: 'algorithm:hex' })
const reference = z.string().meta({ description: 'registry/repository:tag or registry/repository@digest' })
const bytes = z.int().min(0)
const amount = z.strictObject({ count: z.int().min(0), bytes })

export const errorSchema = z.strictObject({
  name: z.string(), code: z.string().meta({ description: 'of this error alone; COPY_FAILED says where, and its cause what' }), message: z.string(),
  side: z.enum(['source', 'destination']).optional(), status: z.int().optional().meta({ description: 'HTTP status' }),
  registry: z.string().optional(), get cause() { return errorSchema.optional() },
})

const code = z.string().meta({ description: 'what went wrong, an entry of docs/errors.md: the innermost code that says it' })
const blobs = z.strictObject({ pushed: amount, mounted: amount, existed: amount })
const line = z.int().min(1)
const ended = {
  source: reference, destination: reference,
  askedBy: z.array(z.strictObject({ object: z.string().meta({ description: 'kind namespace/name' }), file: z.string(), line })).optional()
    .meta({ description: 'the Kubernetes objects that asked for it, the first of them' }),
  askedByMore: z.int().min(1).optional().meta({ description: 'how many asked besides' }),
}

export const reportSchema = z.strictObject({
  version: z.literal(1).meta({ description: 'of this form; a new number means that something was taken away or changed its meaning' }),
  tool: z.strictObject({ name: z.literal('longshore'), version: z.string() }),
  started: z.iso.datetime(), ended: z.iso.datetime(), ms: z.number().min(0),
  outcome: z.enum(['complete', 'failed', 'stopped']).meta({ description: 'complete: every image is there; stopped: interrupted, or by --keep-going=false' }),
  totals: z.strictObject({
    images: z.strictObject({
      found: z.int().min(0), copied: z.int().min(0), present: z.int().min(0), failed: z.int().min(0),
      abandoned: z.int().min(0).meta({ description: 'begun and not finished, because the run was stopped' }),
    }),
    blobs, manifests: z.int().min(0).meta({ description: 'manifests and tags that were put' }), referrers: z.int().min(0),
    unlisted: z.int().min(0), droppedTags: z.int().min(0),
  }),
  registries: z.array(z.strictObject({
    side: z.enum(['source', 'destination']), registry: z.string(), requests: z.int().min(0), bytesIn: bytes, bytesOut: bytes,
    retries: z.int().min(0), pauses: z.int().min(0).meta({ description: 'how often the registry asked to wait (429, 503)' }),
  })).meta({ description: 'by side and name' }),
  images: z.array(z.discriminatedUnion('outcome', [
    z.strictObject({
      ...ended, outcome: z.enum(['copied', 'present']), digest, rewritten: digest.optional().meta({ description: 'what it became under --platform-policy=strip' }),
      blobs, referrers: z.int().min(0), ms: z.number().min(0),
    }),
    z.strictObject({ ...ended, outcome: z.literal('failed'), code, error: errorSchema, hint: z.string() }),
    z.strictObject({ ...ended, outcome: z.literal('abandoned') }),
  ])).meta({ description: 'by destination' }),
  digestMap: z.record(z.string(), digest).meta({ description: 'source digest to destination digest, where they differ' }),
  unlisted: z.array(z.strictObject({
    registry: z.string(), repository: z.string().optional(), reference: z.string().optional(), file: z.string(), line: z.int(), object: z.string().optional(), code, error: errorSchema, hint: z.string(),
  })).meta({ description: 'what could not be listed, so that its images are unknown' }),
  untagged: z.array(z.strictObject({ registry: z.string(), count: z.int().min(1), repositories: z.array(z.string()) })).optional()
    .meta({ description: 'repositories of a catalog that have no tag list, how many and the first of them; absent where there are none' }),
  dropped: z.array(z.strictObject({ registry: z.string(), repository: z.string(), tag: z.string(), rule: z.string(), reason: z.string() }))
    .meta({ description: 'tags that a rule left out' }),
})

export type Report = z.infer<typeof reportSchema>

/** JSON Schema, draft 2020-12. */
export function reportJsonSchema(): object {
  return { ...z.toJSONSchema(reportSchema, { target: 'draft-2020-12' }), title: 'Longshore report', description: 'What longshore migrate --report writes; see docs/report.md' }
}
