// policy.json as containers-policy.json(5) has it: every member known, every value of its type, nothing twice.
import { isAbsolute, normalize } from 'node:path'
import { z } from 'zod'
import { parseDockerName, isNameOnly } from './docker-name.ts'
import { SigningError } from './errors.ts'
import { parseStrictJson } from './strict-json.ts'

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'))
const path = z.string().min(1)
const paths = z.array(path).min(1)

function dockerName(accepts: (name: ReturnType<typeof parseDockerName>) => boolean, what: string): z.ZodType<string> {
  return z.string().refine((text) => {
    try { return accepts(parseDockerName(text)) } catch { return false }
  }, `not ${what}`)
}

/** `host[:port]`, a namespace or a repository, in full: what docker/reference makes of it has to be what is written. */
const prefix = z.string().refine((text) => {
  const [, host, rest] = /^([^/]+)(?:\/(.+))?$/.exec(text) ?? []
  if (host === undefined) return false
  try { return formatOf(`${host}/${rest ?? 'any/thing'}`) === `${host}/${rest ?? 'any/thing'}` || (host === 'docker.io' && rest !== undefined && formatOf(`docker.io/${rest}/any`) === `docker.io/${rest}/any`) } catch { return false }
}, 'not a host, namespace or repository in its full form')

function formatOf(text: string): string | undefined {
  const parsed = parseDockerName(text)
  return isNameOnly(parsed) ? parsed.name : undefined
}

const identity = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('matchExact') }),
  z.strictObject({ type: z.literal('matchRepoDigestOrExact') }),
  z.strictObject({ type: z.literal('matchRepository') }),
  z.strictObject({ type: z.literal('exactReference'), dockerReference: dockerName((name) => !isNameOnly(name), 'a reference with a tag or a digest') }),
  z.strictObject({ type: z.literal('exactRepository'), dockerRepository: dockerName(() => true, 'a repository') }),
  z.strictObject({ type: z.literal('remapIdentity'), prefix, signedPrefix: prefix }),
])
/** Which identities a signature may claim. */
export type IdentityMatch = z.infer<typeof identity>

const signedIdentity = identity.optional().transform((match): IdentityMatch => match ?? { type: 'matchRepoDigestOrExact' })

/** Members of which as many as said may be there. */
function count(members: readonly string[], atLeast: number, atMost = 1): (value: object) => boolean {
  return (value) => {
    const there = members.filter((member) => member in value).length
    return there >= atLeast && there <= atMost
  }
}

const signedBy = z.strictObject({
  type: z.literal('signedBy'),
  keyType: z.enum(['GPGKeys', 'signedByGPGKeys', 'X509Certificates', 'signedByX509CAs']),
  keyPath: path.optional(), keyPaths: paths.optional(), keyData: base64.optional(),
  signedIdentity,
}).refine(count(['keyPath', 'keyPaths', 'keyData'], 1), 'Exactly one of keyPath, keyPaths and keyData must be specified')

const fulcio = z.strictObject({ caPath: path.optional(), caData: base64.optional(), oidcIssuer: z.string(), subjectEmail: z.string() })
  .refine(count(['caPath', 'caData'], 1), 'Exactly one of caPath and caData must be specified')
const pki = z.strictObject({
  caRootsPath: path.optional(), caRootsData: base64.optional(), caIntermediatesPath: path.optional(), caIntermediatesData: base64.optional(),
  subjectEmail: z.string().optional(), subjectHostname: z.string().optional(),
}).refine(count(['caRootsPath', 'caRootsData'], 1), 'Exactly one of caRootsPath and caRootsData must be specified')
  .refine(count(['caIntermediatesPath', 'caIntermediatesData'], 0), 'caIntermediatesPath and caIntermediatesData exclude each other')
  .refine(count(['subjectEmail', 'subjectHostname'], 1, 2), 'At least one of subjectEmail and subjectHostname must be specified')
const rekor = ['rekorPublicKeyPath', 'rekorPublicKeyPaths', 'rekorPublicKeyData', 'rekorPublicKeyDatas'] as const

const sigstoreSigned = z.strictObject({
  type: z.literal('sigstoreSigned'),
  keyPath: path.optional(), keyPaths: paths.optional(), keyData: base64.optional(), keyDatas: z.array(base64).min(1).optional(),
  fulcio: fulcio.optional(), pki: pki.optional(),
  rekorPublicKeyPath: path.optional(), rekorPublicKeyPaths: paths.optional(), rekorPublicKeyData: base64.optional(), rekorPublicKeyDatas: z.array(base64).min(1).optional(),
  signedIdentity,
}).refine(count(['keyPath', 'keyPaths', 'keyData', 'keyDatas', 'fulcio', 'pki'], 1), 'Exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki must be specified')
  .refine(count(rekor, 0), `at most one of ${rekor.join(', ')} may be specified`)
  .refine((value) => !('fulcio' in value) || count(rekor, 1)(value), 'fulcio needs a Rekor public key')
  .refine((value) => !('pki' in value) || !count(rekor, 1)(value), 'pki and a Rekor public key exclude each other')

const requirement = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('insecureAcceptAnything') }),
  z.strictObject({ type: z.literal('reject') }),
  signedBy,
  sigstoreSigned,
], { error: (issue) => (issue.code === 'invalid_union' ? `Unknown policy requirement type "${typeIn(issue.input)}"` : undefined) })
export type Requirement = z.infer<typeof requirement>
export type SignedBy = z.infer<typeof signedBy>
export type SigstoreSigned = z.infer<typeof sigstoreSigned>

function typeIn(value: unknown): string {
  return typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : ''
}

const requirements = z.array(requirement).min(1, 'List of verification policy requirements must not be empty')

/** What scopes of a transport look like; those of transports that we do not know are left to who knows them. */
function scopeTrouble(transport: string, scope: string): string | undefined {
  if (scope === '') return undefined
  switch (transport) {
    case 'docker-archive':
    case 'tarball': return `${transport}: does not support any scopes except the default "" one`
    case 'dir':
    case 'oci':
    case 'oci-archive': {
      const folder = transport === 'dir' ? scope : scope.split(':', 1)[0] ?? ''
      if (!isAbsolute(folder)) return `Invalid scope ${scope}: must be an absolute path`
      if (folder === '/') return 'Invalid scope "/": use the generic default scope ""'
      return normalize(folder) === folder && !folder.endsWith('/') ? undefined : `Invalid scope ${scope}: uses non-canonical path format`
    }
    default: return undefined
  }
}

const transports = z.record(z.string(), z.record(z.string(), requirements)).superRefine((value, context) => {
  for (const [transport, scopes] of Object.entries(value)) {
    for (const scope of Object.keys(scopes)) {
      const message = scopeTrouble(transport, scope)
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [transport, scope] })
    }
  }
})

const schema = z.strictObject({ default: requirements, transports: transports.optional() })

export interface PolicyData {
  readonly default: readonly Requirement[]
  /** Transport, then scope. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly Requirement[]>>
}

/** @param place names the file in errors. @throws SigningError POLICY_INVALID that names the place in it */
export function parsePolicy(bytes: Uint8Array, place: string): PolicyData {
  const invalid = (why: string): SigningError => new SigningError('POLICY_INVALID', `invalid policy in "${place}": ${why}`)
  let value: unknown
  try {
    value = parseStrictJson(bytes)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'not JSON')
  }
  const { success, data, error } = schema.safeParse(value)
  if (!success) throw invalid(error.issues.map(({ path, message }) => `${path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('').replace(/^\./, '')}: ${message}`.replace(/^: /, '')).join('; '))
  return { default: data.default, transports: new Map(Object.entries(data.transports ?? {}).map(([name, scopes]) => [name, new Map(Object.entries(scopes))])) }
}
