// A request's body becomes a migration: lists and YAML as they are, or JSON that carries them together with their options.
import { InvalidReferenceError, parsePlatform, printable, transportOf } from '@longshore/oci'
import type { PoolOptions } from '@longshore/pool'
import { type AccessHint, type ContentOptions, detectFormat, hasHooks, maxSpecBytes, type Migration, parseSpecs, type Problem, registriesOf, SpecError, type SpecInput } from '@longshore/spec'
import { type HttpApp, type HttpRequest, RequestInvalidError } from '@longshore/telemetry'
import type { z } from 'zod'
import type { AllowedRegistries } from './allowed-registries.ts'
import { CredentialsRefusedError, HooksRefusedError, RegistryNotAllowedError } from './errors.ts'
import { findCredentials } from './find-credentials.ts'
import { check } from './route.ts'
import { type SubmitOptions, submitSchema, type submitQuerySchema } from './schemas.ts'

export interface Submission {
  readonly migration: Migration
  readonly options: PoolOptions
  /** Texts by file names; of cutovers. */
  readonly signingKeys?: Readonly<Record<string, string>>
  /** Where the `cutover:` section is. */
  readonly cutoverAt?: Omit<Problem, 'message'>
  /** Of cutovers. */
  readonly again?: boolean
  readonly warnings: readonly Problem[]
}

/** What submitters may name. */
export interface SubmissionLimits { readonly allowed: AllowedRegistries; readonly allowHooks: boolean }

/** Those of JSON: the form of a migration's, or of a cutover's. */
type SubmissionSchema = z.ZodType<SubmitOptions & { readonly spec?: string | undefined; readonly specs?: ReadonlyArray<{ readonly file: string; readonly content: string }> | undefined; readonly signingKeys?: Readonly<Record<string, string>> | undefined; readonly again?: boolean | undefined }>

/** As migrate's own. */
const defaultWindow = 512

export const listTypes = ['text/plain'] as const
export const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml'] as const
const jsonType = 'application/json'

/** JSON may write every letter of a spec with more than one. */
export const submitBytes = 2 * maxSpecBytes

/** Bodies stay bytes until it is known what they are: a spec says itself what is wrong with its letters. */
export function takeSpecBodies(app: HttpApp): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([...listTypes, ...yamlTypes, jsonType], { parseAs: 'buffer' }, (_, body, done) => { done(null, body) })
}

/** @throws SpecError, CredentialsRefusedError, RegistryNotAllowedError, HooksRefusedError, RequestInvalidError */
export async function readSubmission(request: HttpRequest, query: Partial<z.output<typeof submitQuerySchema>> & { readonly again?: boolean | undefined }, limits: SubmissionLimits, schema: SubmissionSchema = submitSchema): Promise<Submission> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === jsonType) {
    if (Object.keys(query).length > 0) throw new RequestInvalidError(400, 'query: a JSON body carries its options itself; leave them out of the query')
    const { spec, specs = [{ file: 'spec', content: spec ?? '' }], signingKeys, again, ...options } = check('body', schema, parseJson(body))
    return { ...await read(specs.map(({ file, content }) => ({ name: file, content })), options, limits), ...(signingKeys === undefined ? {} : { signingKeys }), ...(again === undefined ? {} : { again }) }
  }
  const isYaml = yamlTypes.some((one) => one === type)
  const { file = isYaml ? 'spec.yaml' : 'images.txt', again, ...options } = query
  // Whose YAML it is, its content tells; a list would not be sent as YAML.
  const submission = await read([{ name: file, content: body }], isYaml && detectFormat(body.toString('utf8')) === 'list' ? { format: 'yaml', ...options } : options, limits)
  return { ...submission, ...(again === undefined ? {} : { again }) }
}

async function read(inputs: readonly SpecInput[], options: SubmitOptions, { allowed, allowHooks }: SubmissionLimits): Promise<Submission> {
  const { name, format, from, to, fromForAll, platforms, platformPolicy, referrers, foreignLayers } = options
  const secrets = [
    ...inputs.flatMap((input) => findCredentials(input, format)),
    ...[['from', from] as const, ...(typeof to === 'string' ? [to] : to ?? []).map((one) => ['to', one] as const)].flatMap(([file, text]) => (text?.includes('@') === true ? [{ file, message: 'something stands before a host' }] : [])),
  ]
  if (secrets.length > 0) throw new CredentialsRefusedError(secrets.map((problem) => ({ ...problem, file: printable(problem.file) })))
  if (platformPolicy !== undefined && platforms === undefined) throw new RequestInvalidError(400, 'platformPolicy says what becomes of an index: give platforms with it')
  const content: Partial<ContentOptions> = {
    ...(platforms === undefined ? {} : { platforms: platforms.map(toPlatform) }), ...(platformPolicy === undefined ? {} : { platformPolicy }),
    ...(referrers === undefined ? {} : { referrers }), ...(foreignLayers === undefined ? {} : { foreignLayers }),
  }
  const { migration, warnings, cutoverAt, access = [] } = await parse(inputs, {
    ...(format === undefined ? {} : { format }), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to: typeof to === 'string' ? [to] : to }),
    ...(fromForAll === undefined ? {} : { fromForAll }), content,
  })
  refuseHints(access, options)
  if (!allowHooks && hasHooks(migration)) throw new HooksRefusedError()
  const { source, destination } = registriesOf(migration)
  const place = [...source, ...destination].find((registry) => transportOf(registry) !== 'docker')
  if (place !== undefined) throw new RequestInvalidError(400, printable(`${place} is no registry: a coordinator and its workers reach registries only`))
  const refused = allowed === undefined ? [] : [...new Set([...source, ...destination])].filter((registry) => !allowed(registry))
  if (refused.length > 0) throw new RegistryNotAllowedError(refused.slice(0, 20).map(printable))
  const { srcTlsVerify = true, destTlsVerify = true, keepGoing = true, distrust = false, window = defaultWindow } = options
  return { migration, warnings, ...(cutoverAt && { cutoverAt }), options: { task: { kind: 'migrate' }, srcTlsVerify, destTlsVerify, keepGoing, distrust, window, ...(name === undefined ? {} : { name: printable(name) }) } }
}

/** What a file of another tool says about reaching registries cannot be kept: how TLS is verified is a parameter, all else the workers' own. */
function refuseHints(hints: readonly AccessHint[], { srcTlsVerify, destTlsVerify }: SubmitOptions): void {
  const secrets = hints.filter(({ credentials, certDir }) => credentials !== undefined || certDir !== undefined)
  if (secrets.length > 0) throw new CredentialsRefusedError(secrets.map(({ origin }) => ({ file: printable(origin), message: 'credentials or certificates are given' })))
  for (const { tlsVerify, side, registry, origin } of hints) {
    if (tlsVerify === false && ((side !== 'destination' && srcTlsVerify === undefined) || (side !== 'source' && destTlsVerify === undefined))) {
      throw new RequestInvalidError(400, printable(`${origin} switches the verification of TLS off for ${registry}: say so with srcTlsVerify and destTlsVerify`))
    }
  }
}

/** Complaints about places name the flags of the command line; here they are parameters. */
async function parse(...[inputs, options]: Parameters<typeof parseSpecs>): ReturnType<typeof parseSpecs> {
  try {
    return await parseSpecs(inputs, options)
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    throw new SpecError(error.problems.map((problem) => ({ ...problem, file: problem.file.replace(/^--(from|to)$/, '$1') })))
  }
}

function toPlatform(text: string): ContentOptions['platforms'][number] {
  try {
    return parsePlatform(text.trim())
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    throw new RequestInvalidError(400, `platforms: ${error.message}`)
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    // The parser's own words would show a piece of the body.
    throw new RequestInvalidError(400, 'body: is not valid JSON in UTF-8')
  }
}
