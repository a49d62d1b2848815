// The form of a cutover's report. schema/cutover-report.schema.json is made from this (a test compares), docs/report.md explains it.
import { errorSchema } from '@longshore/report/schema'
import { z } from 'zod'

const amount = z.int().min(0)
const at = z.iso.datetime()
const failure = z.strictObject({
  source: z.string().meta({ description: 'a reference; or, without a destination, a place of the spec that could not be listed' }), destination: z.string().optional(),
  code: z.string().meta({ description: 'an entry of docs/errors.md' }), reason: z.string(), hint: z.string(), error: errorSchema,
})
const pass = z.strictObject({
  number: z.int().min(1), kind: z.enum(['bulk', 'delta', 'events', 'final']), started: at, ended: at,
  images: amount, copied: amount, present: amount, failed: amount, unlisted: amount, bytes: amount, gone: amount.optional(),
})

export const cutoverReportSchema = z.strictObject({
  version: z.literal(1).meta({ description: 'of this form; a new number means that something was taken away or changed its meaning' }),
  tool: z.strictObject({ name: z.literal('longshore'), version: z.string() }),
  id: z.string(), name: z.string().optional(),
  written: at, created: at, phase: z.enum(['bulk', 'delta', 'freezing', 'final', 'verifying', 'deciding', 'go', 'no-go', 'aborted']), since: at,
  verdict: z.enum(['go', 'no-go']).optional().meta({ description: 'absent before the decision' }), decided: at.optional(),
  sources: z.array(z.string()), destinations: z.array(z.string()),
  criteria: z.array(z.strictObject({
    name: z.enum(['images', 'missing', 'differing', 'failures', 'verify-age', 'deadline', 'signatures']), met: z.boolean(), found: z.string(), hint: z.string().optional(),
  })),
  freeze: z.strictObject({
    requested: at, by: z.enum(['person', 'spec']), frozen: at.optional(), deadline: at.optional(), caughtUp: at.optional().meta({ description: 'when the last pass was through; absent where the deadline cut it off' }),
  }).optional(),
  moved: z.strictObject({ copied: amount, bytes: amount, passes: amount }).meta({ description: 'by all passes together' }),
  passes: z.array(pass).meta({ description: 'the first one and the latest' }),
  failures: z.array(failure).meta({ description: 'of the latest pass over everything: the first fifty' }),
  verification: z.strictObject({
    started: at, ended: at, images: amount, sound: amount, missing: amount, differing: amount, corrupt: amount, failed: amount, unlisted: amount,
    manifests: amount, blobs: amount, bytesRead: amount, deepPercent: z.number().min(0).max(100),
    extra: amount.meta({ description: 'tags at the destination that this migration did not put there' }),
    signatures: z.strictObject({ checked: amount, verified: amount, unsigned: z.array(z.string()) }).optional(),
    findings: z.array(z.strictObject({ destination: z.string(), problem: z.string(), what: z.string(), hint: z.string().optional() })).meta({ description: 'the first fifty' }),
  }).optional(),
  trouble: z.strictObject({ at, code: z.string(), reason: z.string(), hint: z.string(), error: errorSchema }).optional().meta({ description: 'what stopped the latest attempt at a step' }),
})

export type CutoverReport = z.infer<typeof cutoverReportSchema>

/** JSON Schema, draft 2020-12. */
export function cutoverReportJsonSchema(): object {
  return { ...z.toJSONSchema(cutoverReportSchema, { target: 'draft-2020-12' }), title: 'Longshore cutover report', description: 'What longshore cutover --report writes; see docs/report.md' }
}
