// The `cutover:` section: what the day of the switch goes by. No transforms, as in schema.ts; `cutoverPlanOf` makes the plan of it.
import { createRequire } from 'node:module'
import type * as CronParser from 'cron-parser'
import { z } from 'zod'
import { checkBackupTag } from './backup-tag.ts'
import { checked } from './checked.ts'
import type { CutoverPlan } from './cutover-plan.ts'
import { duration } from './duration-schema.ts'
import { parseDuration } from './duration.ts'
import { hookOf, hookSchema } from './hook-schema.ts'
import { parsePattern } from './pattern.ts'

/** Often enough that the last pass is short, seldom enough that a registry does not feel it. */
const defaultEveryMs = 5 * 60_000
/** Events may be lost; a pass over everything finds what they missed. */
const defaultEveryWithEventsMs = 60 * 60_000
/** A push of many tags is one pass. */
const defaultCoalesceMs = 2000
const defaultDeadlineMs = 30 * 60_000
const defaultVerifyAgeMs = 60 * 60_000
const defaultCeilingPercent = 10

/** `5%`, `0.5%`, `100%`. @throws SyntaxError */
export function parsePercent(text: string): number {
  const [, number] = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(text) ?? []
  if (number === undefined || Number(number) > 100) throw new SyntaxError(`"${text}" is no percentage; write one from 0% to 100%`)
  return Number(number)
}

// Most specs have no schedule, and the parser brings a calendar along; a check cannot wait for an import.
const cronParser = (): typeof CronParser => createRequire(import.meta.url)('cron-parser') as typeof CronParser

/** @throws SyntaxError */
function checkSchedule(text: string): void {
  const cure = 'write minute, hour, day, month and weekday, such as "*/10 * * * *"'
  if (text.trim() === '') throw new SyntaxError(`is empty; ${cure}`)
  // BullMQ's job schedulers read it with the same parser, which fills in what is missing (`*/10 * * *` would be the first minute of hours), and has H stand for another
  // number in each process.
  const fields = text.trim().split(/\s+/)
  if (!text.startsWith('@') && (fields.length < 5 || fields.length > 6)) throw new SyntaxError(`"${text}" has ${fields.length} field${fields.length === 1 ? '' : 's'}; ${cure}, with the second in front where it is wanted`)
  if (fields.some((field) => /(?<![A-Za-z])H(?![A-Za-z])/.test(field))) throw new SyntaxError(`"${text}" says H, which is a time by chance; ${cure}`)
  try { cronParser().CronExpressionParser.parse(text, { tz: 'UTC' }).next() } catch (error) {
    throw new SyntaxError(`"${text}" is no cron expression (${error instanceof Error ? error.message : String(error)}); ${cure}`, { cause: error })
  }
}

const freezeWords = ['manual', 'caught-up']

/** @throws SyntaxError */
function checkWhen(text: string): void {
  if (freezeWords.includes(text)) return
  // A time without its zone is another time on another machine.
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new SyntaxError(`"${text}" is neither manual, nor caught-up, nor a time with its zone such as 2026-11-30T22:00:00Z`)
  }
}

const percent = checked(parsePercent, 'A percentage: 5%')
const amount = z.int().min(0)
const pattern = checked((text) => {
  try { parsePattern(text) } catch (error) { throw new SyntaxError(`"${text}" is not a valid pattern: ${(error as Error).message}`, { cause: error }) }
}, 'A glob for the whole text, or /regular expression/ (not anchored)')

export const cutoverSchema = z.strictObject({
  delta: z.strictObject({
    every: duration.optional().describe('From the end of a pass to the start of the next (default 5m; with events 1h; with a schedule none)'),
    schedule: checked(checkSchedule, 'A cron expression, in UTC: minute, hour, day, month, weekday, with the second in front where it is wanted; or a name such as @hourly').optional(),
    events: z.union([z.boolean(), z.strictObject({ coalesce: duration.optional().describe('What comes within this is one pass (default 2s)') })]).optional()
      .describe('Registries tell a coordinator what changed'),
  }).optional(),
  freeze: z.strictObject({
    when: checked(checkWhen, 'manual (default), caught-up, or a time with its zone').optional(),
    hook: hookSchema.optional().describe('Makes the source read-only; may be called again after a crash'),
    thaw: hookSchema.optional().describe('Undoes it, on unfreeze and abort'),
    deadline: duration.optional().describe('For the last pass, from the freeze on (default 30m)'),
  }).optional(),
  verify: z.strictObject({ deep: percent.optional().describe('How much of the content is read and hashed (default 0%: digests only)') }).optional(),
  criteria: z.strictObject({
    missing: amount.optional().describe('Images that may be missing (default 0)'),
    differing: amount.optional().describe('Images that may differ (default 0)'),
    failures: amount.optional().describe('Images that may have failed or could not be checked (default 0)'),
    verifyAge: duration.optional().describe('How old the verification may be at the decision (default 1h)'),
    signatures: z.strictObject({
      keys: z.array(z.string().min(1)).min(1).describe('Files of public keys (PEM), as cosign writes them'),
      repositories: z.array(pattern).min(1).optional().describe('Destination repositories that have to be signed (default: all)'),
    }).optional(),
  }).optional(),
  prune: z.strictObject({
    apply: z.boolean().optional().describe('False (default): only say what would go'),
    ceiling: percent.optional().describe('More of the tags than this are not deleted (default 10%)'),
    backupTag: checked(checkBackupTag, 'What a tag is called before it goes; {tag} and {date}').optional(),
  }).optional(),
}).describe('What longshore cutover goes by')

export type NativeCutover = z.infer<typeof cutoverSchema>

/** With the defaults filled in; of an absent section: `{}`. */
export function cutoverPlanOf({ delta = {}, freeze = {}, verify = {}, criteria = {}, prune }: NativeCutover): CutoverPlan {
  const events = delta.events === undefined || delta.events === false ? undefined : delta.events === true ? {} : delta.events
  const everyMs = delta.every === undefined ? (delta.schedule === undefined ? events ? defaultEveryWithEventsMs : defaultEveryMs : undefined) : parseDuration(delta.every)
  const { when = 'manual' } = freeze
  return {
    delta: {
      ...(everyMs === undefined ? {} : { everyMs }), ...(delta.schedule === undefined ? {} : { schedule: delta.schedule }),
      ...(events ? { events: { coalesceMs: events.coalesce === undefined ? defaultCoalesceMs : parseDuration(events.coalesce) } } : {}),
    },
    freeze: {
      when: when === 'manual' || when === 'caught-up' ? { kind: when } : { kind: 'at', at: new Date(when).toISOString() },
      ...(freeze.hook ? { hook: hookOf(freeze.hook) } : {}), ...(freeze.thaw ? { thaw: hookOf(freeze.thaw) } : {}),
      deadlineMs: freeze.deadline === undefined ? defaultDeadlineMs : parseDuration(freeze.deadline),
    },
    verify: { deepPercent: verify.deep === undefined ? 0 : parsePercent(verify.deep) },
    criteria: {
      missing: criteria.missing ?? 0, differing: criteria.differing ?? 0, failures: criteria.failures ?? 0,
      verifyAgeMs: criteria.verifyAge === undefined ? defaultVerifyAgeMs : parseDuration(criteria.verifyAge),
      ...(criteria.signatures ? { signatures: { keys: criteria.signatures.keys, ...(criteria.signatures.repositories ? { repositories: criteria.signatures.repositories } : {}) } } : {}),
    },
    ...(prune ? { prune: { apply: prune.apply ?? false, ceilingPercent: prune.ceiling === undefined ? defaultCeilingPercent : parsePercent(prune.ceiling), ...(prune.backupTag === undefined ? {} : { backupTag: prune.backupTag }) } } : {}),
  }
}
