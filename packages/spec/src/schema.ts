// The native spec as a zod schema. No transforms: the JSON Schema that editors read is made from it.
import semver from 'semver'
import { isDigest, isTag, parsePlatform } from '@longshore/oci'
import { z } from 'zod'
import { checked } from './checked.ts'
import { cutoverSchema } from './cutover-schema.ts'
import { harborSchema, onMissingRepositorySchema } from './harbor-schema.ts'
import { parseMoment } from './moment.ts'
import { parsePattern } from './pattern.ts'
import { parsePlace, splitName } from './place.ts'

const place = checked(parsePlace, 'HOST[:PORT][/PREFIX]')
const places = z.union([place, z.array(place).min(1)])
const name = checked((text) => {
  const { tag, digest } = splitName(text)
  if (tag !== undefined || digest !== undefined) throw new Error(`"${text}" has a tag or digest; write those under tags: or digests:`)
}, 'A repository, without a tag; a full name reads from its own registry')
const reference = checked(splitName, 'name[:tag][@digest]')
const tag = checked((text) => { if (!isTag(text)) throw new Error(`"${text}" is not a valid tag`) }, 'A tag, exactly')
const digest = checked((text) => { if (!isDigest(text)) throw new Error(`"${text}" is not a valid digest (sha256: and 64 lower-case hex digits)`) }, 'A digest')
const pattern = checked((text) => {
  try { parsePattern(text) } catch (error) { throw new Error(`"${text}" is not a valid pattern: ${(error as Error).message}`, { cause: error }) }
}, 'A glob for the whole text, or /regular expression/ (not anchored)')
const patterns = z.array(pattern).min(1)
const range = checked((text) => {
  if (semver.validRange(text) === null) throw new Error(`"${text}" is not a valid semver range; write one such as ">=1.20 <2" or "^3.1"`)
}, 'A node-semver range')
const moment = checked(parseMoment, 'An age (90d, 12h, 2w) or a date (2024-01-31, RFC 3339)')
const count = z.int().min(1)

const basicRule = z.strictObject({
  include: patterns.optional().describe('Tags that match one of these'),
  exclude: patterns.optional().describe('But none of these'),
  semver: range.optional(),
  prereleases: z.boolean().optional().describe('The range speaks of prereleases as of other versions'),
})
const tagRule = z.strictObject({
  anyOf: z.array(basicRule).min(1).optional().describe('Tags that at least one of these rules takes; the others see only those'),
  ...basicRule.shape,
  newerThan: moment.optional(),
  olderThan: moment.optional(),
  latest: z.union([count, z.strictObject({ count, by: z.enum(['semver', 'created', 'pushed']).optional() })]).optional().describe('The newest N, by version unless "by: created" or "by: pushed" (a Harbor\'s push time)'),
})
const tags = z.union([z.array(tag).min(1), tagRule]).describe('A list of exact tags, or rules; all tags where absent')

const renameRule = z.strictObject({
  match: checked((text) => new RegExp(text, 'u'), 'A regular expression over the path'),
  replace: z.string().describe('May say $1'),
  all: z.boolean().optional().describe('Every match, not only the first'),
  rooted: z.boolean().optional().describe('The path has a slash in front while this is done'),
})
const renames = z.array(renameRule).describe('Applied in order, each to what the former left')
const flatten = z.union([z.boolean(), z.strictObject({ keep: count })]).describe('Keep only the last path component, or the last N')
const content = z.strictObject({
  platforms: z.array(checked(parsePlatform, 'os/architecture[/variant]')).optional().describe('Empty or absent: all'),
  platformPolicy: z.enum(['sparse', 'strip']).optional().describe('sparse leaves indexes unchanged; strip writes new ones'),
  referrers: z.boolean().optional().describe('Signatures, SBOMs and attestations travel too (default true)'),
  foreignLayers: z.enum(['keep', 'copy']).optional(),
})

const harborSource = z.strictObject({
  projects: patterns.optional().describe('Projects whose name matches one of these; all that the account sees where absent'),
  labels: z.array(z.string().min(1)).min(1).optional().describe('Images that carry all of these labels'),
  pushed: z.strictObject({ newerThan: moment.optional(), olderThan: moment.optional() }).optional().describe('When the tag was pushed'),
}).describe('The source is a Harbor: repositories, labels and push times are read through its API')
const asker = z.strictObject({ object: z.string(), file: z.string(), line: z.int().min(1) })

const imageItem = z.strictObject({
  name: name.optional(),
  repositories: z.strictObject({ include: patterns.optional(), exclude: patterns.optional() }).optional().describe('Repositories found in the catalog, or by the API of a Harbor'),
  harbor: harborSource.optional(),
  tags: tags.optional(),
  digests: z.array(digest).min(1).optional(),
  from: place.optional(),
  to: places.optional(),
  as: z.union([reference, z.array(reference).min(1)]).optional().describe('The destination name: a path below "to", or a full reference'),
  rename: renames.optional().describe('In place of the spec\'s own'),
  flatten: flatten.optional().describe('In place of the spec\'s own'),
  askedBy: z.array(asker).min(1).optional().describe('The Kubernetes objects that run it, the first of them; for reports. longshore convert writes it'),
  askedByMore: count.optional().describe('How many objects run it besides'),
  ...content.shape,
}).check((context) => {
  const { value } = context
  const complain = (message: string): void => { context.issues.push({ code: 'custom', message, input: value }) }
  const isNamed = value.name !== undefined
  if (isNamed ? value.repositories !== undefined : value.repositories === undefined && value.harbor === undefined) complain('an item has either name, or repositories or harbor')
  if (!isNamed && value.as !== undefined) complain('"as" names one destination, so it goes with name alone; use rename')
  if (value.digests !== undefined && (!isNamed || value.harbor !== undefined)) complain('"digests" go with name alone, not with repositories or harbor')
  if (isNamed && value.harbor?.projects !== undefined) complain('harbor.projects choose among repositories, so they do not go with name')
  if (value.askedByMore !== undefined && value.askedBy === undefined) complain('"askedByMore" goes with askedBy')
})

export const specSchema = z.strictObject({
  version: z.literal(1),
  from: place.optional().describe('Source registry of names that say none; --from overrides it; docker.io where absent'),
  to: places.optional().describe('Destination, or several; --to overrides it'),
  defaults: content.optional(),
  rename: renames.optional(),
  flatten: flatten.optional(),
  cutover: cutoverSchema.optional(),
  images: z.array(z.union([reference, imageItem])).min(1).optional().describe('May be absent from a file that only says how destinations are made ready, or what the day of the switch goes by'),
  harbor: harborSchema.optional(),
  onMissingRepository: onMissingRepositorySchema.optional(),
}).check((context) => {
  const { value } = context
  if ([value.images, value.harbor, value.onMissingRepository, value.cutover].every((section) => section === undefined)) context.issues.push({ code: 'custom', path: ['images'], message: 'is missing', input: value })
}).meta({ title: 'Longshore migration', description: 'What to move from where to where. docs/spec.md explains each key.' })

export type NativeSpec = z.infer<typeof specSchema>
export type NativeItem = z.infer<typeof imageItem>
export type NativeTagRule = z.infer<typeof tagRule>
export type NativeContent = z.infer<typeof content>

/** The schema as editors take it: draft 2020-12, two spaces, a line feed at the end. */
export function jsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(specSchema, { io: 'input' }), null, 2)}\n`
}
