// The keys of a regsync file, version 1. docs/regsync.md of regclient, "Configuration File".
import { z } from 'zod'
import { anything, flag, text, texts } from './foreign-file.ts'

const filters = z.strictObject({ allow: texts.nullish(), deny: texts.nullish() })
const tagFilters = filters.extend({ semverRange: texts.nullish() })

const shared = {
  backup: text.nullish(), interval: anything.optional(), schedule: anything.optional(), ratelimit: anything.optional(), hooks: anything.optional(),
  digestTags: flag.nullish(), referrers: flag.nullish(), referrerFilters: anything.optional(), referrerSource: text.nullish(), referrerTarget: text.nullish(), referrerSlow: anything.optional(),
  fastCheck: anything.optional(), fastCopy: anything.optional(), forceRecursive: flag.nullish(), includeExternal: flag.nullish(), mediaTypes: texts.nullish(),
}

const credsSchema = z.strictObject({
  registry: text, hostname: text.nullish(), user: text.nullish(), pass: text.nullish(), token: text.nullish(), credHelper: text.nullish(), credExpire: anything.optional(), credHost: text.nullish(),
  tls: text.nullish(), regcert: text.nullish(), clientCert: text.nullish(), clientKey: text.nullish(), scheme: text.nullish(), pathPrefix: text.nullish(), mirrors: texts.nullish(), priority: anything.optional(), repoAuth: anything.optional(), api: anything.optional(), apiOpts: anything.optional(),
  blobChunk: anything.optional(), blobMax: anything.optional(), reqPerSec: anything.optional(), reqConcurrent: anything.optional(),
})

const stepSchema = z.strictObject({
  source: text, target: text, type: text, tags: tagFilters.nullish(), tagSets: z.array(tagFilters).nullish(), repos: filters.nullish(), platform: text.nullish(), platforms: texts.nullish(), ...shared,
})

const defaultsSchema = z.strictObject({
  ...shared, parallel: anything.optional(), cacheCount: anything.optional(), cacheTime: anything.optional(), skipDockerConfig: anything.optional(), userAgent: anything.optional(), blobLimit: anything.optional(),
})

/** Keys that begin with `x-` are the user's own, and are gone before this is asked. */
export const regsyncSchema = z.strictObject({ version: z.union([text, z.number()]).nullish(), creds: z.array(credsSchema).nullish(), defaults: defaultsSchema.nullish(), sync: z.array(stepSchema) })
export type RegsyncStep = z.output<typeof stepSchema>
export type RegsyncCreds = z.output<typeof credsSchema>
export type RegsyncDefaults = z.output<typeof defaultsSchema>
export type TagFilters = z.output<typeof tagFilters>
