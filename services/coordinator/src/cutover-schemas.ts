// The form of what the API says of cutovers. docs/cutover.md has what the words mean.
import { cutoverReportSchema } from '@longshore/cutover/schema'
import { z } from 'zod'
import { bytes, component, count, cursor, errorSchema, limit, place, problemPlaceSchema, submitQuerySchema, submitSchema, time } from './schemas.ts'
import { examples } from './examples.ts'

export const phaseSchema = component('Phase', z.enum(['bulk', 'delta', 'freezing', 'final', 'verifying', 'deciding', 'go', 'no-go', 'aborted']))
const passKind = z.enum(['bulk', 'delta', 'events', 'final'])
const passNumber = count.meta({ description: 'counts from 1, over all kinds' })

const failedImageSchema = component('FailedImage', z.object({
  source: z.string(), destination: z.string().optional().meta({ description: 'absent where a place could not be listed' }), code: z.string(), error: errorSchema, hint: z.string(),
}))
const passSchema = component('Pass', z.object({
  number: passNumber, kind: passKind, started: time, ended: time, images: count, copied: count, present: count, failed: count, bytes,
  failures: z.array(failedImageSchema).meta({ description: 'the first of them' }), unlisted: count, passing: count.meta({ description: 'failed, or not listed, for reasons that may pass' }),
  gone: count.optional().meta({ description: 'tags that events named and that are not at the source any more' }),
}))
const verificationSchema = component('CutoverVerification', z.object({
  started: time, ended: time, images: count, sound: count, missing: count, differing: count, corrupt: count, failed: count, unlisted: count, passing: count, manifests: count, blobs: count, bytesRead: bytes,
  deepPercent: z.number(), findings: z.array(z.object({ destination: z.string(), problem: z.string(), what: z.string(), hint: z.string().optional() })).meta({ description: 'the first of them' }),
  signatures: z.object({ checked: count, verified: count, unsigned: z.array(z.string()) }).optional(), extra: count,
}))
const decisionSchema = component('Decision', z.object({
  at: time, verdict: z.enum(['go', 'no-go']), criteria: z.array(z.object({ name: z.string(), met: z.boolean(), found: z.string(), hint: z.string().optional() })),
}))

export const cutoverSchema = component('Cutover', z.object({
  id: z.string(), name: z.string().optional(), phase: phaseSchema, created: time, since: time.meta({ description: 'of the phase' }), ended: time.optional(),
  options: z.object({ srcTlsVerify: z.boolean(), destTlsVerify: z.boolean() }),
  moved: z.object({ copied: count, bytes }).meta({ description: 'of all passes together' }), passCount: count, passes: z.array(passSchema).meta({ description: 'bulk and the latest ones, the newest last' }),
  current: z.object({ number: passNumber, kind: passKind, started: time, changes: count.optional(), migration: z.string().optional().meta({ description: 'the migration that it is: see /migrations' }) }).optional(),
  request: z.object({ kind: z.enum(['retry', 'unfreeze', 'abort']), requested: time }).optional().meta({ description: 'asked for, and not done yet' }),
  freeze: z.object({ requested: time, by: z.enum(['person', 'spec']), frozen: time.optional(), deadline: time.optional(), caughtUp: time.optional() }).optional(), unfrozen: time.optional(),
  due: time.optional().meta({ description: 'since when a pass over everything is wanted, as more changes were told than are kept' }),
  verification: verificationSchema.optional(), decision: decisionSchema.optional(), trouble: z.object({ at: time, error: errorSchema }).optional().meta({ description: 'of the step at hand, which is tried again' }),
  waitingChanges: count.meta({ description: 'told by registries, and not moved yet' }), led: z.boolean().meta({ description: 'whether some process leads it at the moment' }), leader: z.string().optional().meta({ description: 'which one' }),
  caughtUpTo: time.optional().meta({ description: 'what was pushed before is at the destination; absent before a pass over everything had no failure' }), nextPass: time.optional().meta({ description: 'over everything; absent where none is waited for' }),
}))
export const cutoversSchema = component('Cutovers', z.object({ cutovers: z.array(cutoverSchema), next: z.string().optional() }))
export const begunSchema = component('Begun', cutoverSchema.extend({ resumed: z.boolean().meta({ description: 'one with the same images was under way already, and goes on by this spec' }), warnings: z.array(problemPlaceSchema) }))
export const publishedCutoverReportSchema = component('CutoverReport', cutoverReportSchema)
export const heardSchema = component('Heard', z.object({
  changes: count.meta({ description: 'tags and manifests that it names, remembered' }), ignored: count.meta({ description: 'events that change nothing here: pulls, blobs, scans, what is not understood' }),
}))

// What comes in.

export const listCutoversQuerySchema = z.strictObject({ phase: phaseSchema.optional(), limit: limit(50, 500), cursor })
export const notificationQuerySchema = z.strictObject({ registry: place.optional().meta({ description: 'the source that it is about, `host[:port]` as the spec names it; may be left out where there is one' }) })

/** Of a migration alone: a cutover's passes always go on, and take what is there as there. */
const notOfCutovers = { keepGoing: true, distrust: true, window: true } as const
/** Signing keys are files where the spec was written. */
const signingKeys = z.record(z.string().min(1).max(1_000), z.string().max(64 * 1024)).optional().meta({ description: 'PEM, by the file names that the spec gives under criteria.signatures.keys' })
const again = { description: 'begin another one where the last one with these images was a go; it may overwrite what has been pushed to the destination since' } as const
export const beginQuerySchema = submitQuerySchema.omit(notOfCutovers).extend({ again: z.enum(['true', 'false']).transform((text) => text === 'true').optional().meta(again) })
export const beginSchema = component('Begin', z.strictObject({ ...submitSchema.shape, signingKeys, again: z.boolean().optional().meta(again) }).omit(notOfCutovers).check((context) => {
  if ((context.value.spec === undefined) === (context.value.specs === undefined)) context.issues.push({ code: 'custom', message: 'give either spec or specs', input: context.value, path: ['spec'] })
}).meta({ examples: [examples.begin] }))
