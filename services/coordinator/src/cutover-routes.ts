// What a person asks of a cutover: begun, looked at, frozen, tried again. Whoever leads it does it; the answer says how it stands.
import { buildCutoverReport, checkHooks, CutoverNotFoundError, type CutoverRecord, type CutoverReport, endPhases, printCutoverMarkdown, request, requestFreeze, required, signatureCheckOf } from '@longshore/cutover'
import type { CutoverEntry, RedisCutoverStore } from '@longshore/pool'
import { defaultCutover, type Migration, SpecError } from '@longshore/spec'
import type { HttpApp } from '@longshore/telemetry'
import type { AllowedRegistries } from './allowed-registries.ts'
import { type CutoverResource, toCutover } from './cutover-resources.ts'
import { beginQuerySchema, beginSchema, begunSchema, cutoverSchema, cutoversSchema, listCutoversQuerySchema, publishedCutoverReportSchema } from './cutover-schemas.ts'
import { CredentialsRefusedError, CutoverOverError } from './errors.ts'
import { examples } from './examples.ts'
import { addRoute, refTo } from './route.ts'
import { idSchema } from './schemas.ts'
import { listTypes, readSubmission, submitBytes, yamlTypes } from './submit.ts'

export interface CutoverRoutesOptions {
  /** @throws ServerBusyError */
  readonly cutovers: () => RedisCutoverStore
  readonly allowed: AllowedRegistries
  readonly allowHooks: boolean
  /** What hooks are called with. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly base: string
  readonly version: string
  readonly onBegin: (record: CutoverRecord, resumed: boolean) => void
  readonly onSteer: (id: string, action: string) => void
}

const noCutover = { 404: ['CUTOVER_NOT_FOUND'] }
const actions = {
  freeze: ['Freeze the source and move the rest', 'The last pass comes next, then the verification and the decision. Whoever asks has made the source read-only, or the spec has a hook that does.', requestFreeze],
  unfreeze: ['Go back to deltas', 'Runs the thaw hook; from then on only a person freezes.', async (store, id) => request(store, id, 'unfreeze')],
  retry: ['Try a no-go again', 'The source is still frozen: the last pass, the verification and the decision come once more.', async (store, id) => request(store, id, 'retry')],
  abort: ['End it', 'Runs the thaw hook; what is at the destination stays there.', async (store, id) => request(store, id, 'abort')],
} as const satisfies Readonly<Record<string, readonly [string, string, (store: RedisCutoverStore, id: string) => Promise<CutoverRecord>]>>

export function addCutoverRoutes(api: HttpApp, { cutovers, allowed, allowHooks, env, base, version, onBegin, onSteer }: CutoverRoutesOptions): void {
  addRoute(api, {
    method: 'POST', url: '/cutovers', operationId: 'beginCutover', tag: 'cutovers', summary: 'Begin a cutover', query: beginQuerySchema, bodyLimit: submitBytes, handlerTimeout: 120_000,
    description: 'The body is that of `submit`; its YAML may have `cutover`. With the same images as one that is under way it is that one, which goes on by what this spec says of the day.',
    bodies: [
      ...listTypes.map((type) => ({ type, schema: { type: 'string', description: 'an images list, or YAML where it looks so' }, example: examples.list })),
      ...yamlTypes.map((type) => ({ type, schema: { type: 'string', description: 'a YAML spec' }, example: examples.cutoverYaml })),
      { type: 'application/json', schema: refTo(beginSchema), example: examples.begin },
    ],
    answers: {
      201: { description: 'It is begun', schema: begunSchema, example: examples.begun, headers: { location: 'its URL' } },
      200: { description: 'One with the same images is under way already: this is it', schema: begunSchema, example: { ...examples.begun, resumed: true }, headers: { location: 'its URL' } },
    },
    problems: { 403: ['REGISTRY_NOT_ALLOWED', 'HOOKS_NOT_ALLOWED'], 409: ['CUTOVER_OVER'], 413: ['REQUEST_INVALID'], 415: ['REQUEST_INVALID'], 422: ['SPEC_INVALID', 'CREDENTIALS_REFUSED'] },
    handle: async ({ query }, incoming, reply) => {
      const store = cutovers()
      const { migration, options: { srcTlsVerify, destTlsVerify, name }, cutoverAt, signingKeys, again, warnings } = await readSubmission(incoming, query, { allowed, allowHooks }, beginSchema)
      const plan = migration.cutover ?? await defaultCutover()
      if (cutoverAt) await checkHooks(plan, cutoverAt, env)
      const spec = withKeys({ ...migration, cutover: plan }, signingKeys)
      const over = again === true ? undefined : await store.lastGo(spec)
      if (over !== undefined) throw new CutoverOverError(over)
      const { record, resumed } = await store.begin(spec, { srcTlsVerify, destTlsVerify, ...(name === undefined ? {} : { name }) })
      onBegin(record, resumed)
      return await reply.code(resumed ? 200 : 201).header('location', `${base}/cutovers/${record.id}`).send({ ...await stateOf(store, record.id), resumed, warnings })
    },
  })

  addRoute(api, {
    method: 'GET', url: '/cutovers', operationId: 'listCutovers', tag: 'cutovers', summary: 'List cutovers, the newest first', query: listCutoversQuerySchema,
    answers: { 200: { description: 'Those that are known', schema: cutoversSchema, example: { cutovers: [examples.cutover] } } },
    handle: async ({ query: { phase, limit, cursor } }) => {
      const store = cutovers()
      const keyOf = ({ created, id }: CutoverEntry): string => `${created} ${id}`
      const entries = (await store.list()).filter((entry) => (phase === undefined || entry.phase === phase) && (cursor === undefined || keyOf(entry) < cursor))
      const page = entries.slice(0, limit)
      const last = page.at(-1)
      const found = await Promise.all(page.map(async ({ id }) => await stateOf(store, id).catch((error: unknown) => {
        if (error instanceof CutoverNotFoundError) return undefined
        throw error
      })))
      return { cutovers: found.filter((one) => one !== undefined), ...(last && limit < entries.length ? { next: keyOf(last) } : {}) }
    },
  })

  addRoute(api, {
    method: 'GET', url: '/cutovers/:id', operationId: 'getCutover', tag: 'cutovers', summary: 'How a cutover stands', params: idSchema,
    answers: { 200: { description: 'Its phase, its passes, and what came of them', schema: cutoverSchema, example: examples.cutover } }, problems: noCutover,
    handle: async ({ params: { id } }) => await stateOf(cutovers(), id),
  })

  const reportOf = async (id: string): Promise<CutoverReport> => buildCutoverReport(await required(cutovers(), id), { version, now: new Date() })
  addRoute(api, {
    method: 'GET', url: '/cutovers/:id/report', operationId: 'getCutoverReport', tag: 'cutovers', summary: 'The report of a cutover', params: idSchema, description: 'The report of docs/report.md. Before the decision, of how it stands.',
    answers: { 200: { description: 'The report', schema: publishedCutoverReportSchema, example: examples.cutoverReport } }, problems: noCutover,
    handle: async ({ params: { id } }) => await reportOf(id),
  })
  addRoute(api, {
    method: 'GET', url: '/cutovers/:id/report.md', operationId: 'getCutoverPage', tag: 'cutovers', summary: 'The same for people', params: idSchema,
    answers: { 200: { description: 'Markdown, which begins with the answer', type: 'text/markdown', example: '# Cutover to harbor: GO\n' } }, problems: noCutover,
    handle: async ({ params: { id } }, _, reply) => await reply.type('text/markdown; charset=utf-8').send(printCutoverMarkdown(await reportOf(id))),
  })

  for (const [action, [summary, description, act]] of Object.entries(actions)) {
    addRoute(api, {
      method: 'POST', url: `/cutovers/:id/${action}`, operationId: `${action}Cutover`, tag: 'cutovers', summary, description: `${description} Asked again, it answers the same.`, params: idSchema,
      answers: { 200: { description: 'As it stands now', schema: cutoverSchema, example: examples.cutover } }, problems: { ...noCutover, 409: ['CUTOVER_PHASE'] },
      handle: async ({ params: { id } }) => {
        const store = cutovers()
        await act(store, id)
        onSteer(id, action)
        return await stateOf(store, id)
      },
    })
  }
}

async function stateOf(store: RedisCutoverStore, id: string): Promise<CutoverResource> {
  const [head, waitingChanges, holder, passes] = await Promise.all([store.head(id), store.countChanges(id), store.holder(id), store.passes(id)])
  if (!head) throw new CutoverNotFoundError(id)
  return toCutover(head, { waitingChanges: endPhases.has(head.phase) ? 0 : waitingChanges, leader: holder, passes })
}

/** The keys that the spec names, as text: their files are where it was written. @throws SpecError, CredentialsRefusedError */
function withKeys(spec: Migration, texts: Readonly<Record<string, string>> = {}): Migration {
  const { cutover } = spec
  const signatures = cutover?.criteria.signatures
  if (!cutover || !signatures) return spec
  const textOf = (key: string): string | undefined => (key.startsWith('-----BEGIN ') ? key : texts[key])
  const names = signatures.keys.map((key, i) => ({ key, name: textOf(key) === key ? `key ${i + 1} of cutover.criteria.signatures` : key }))
  const secret = names.filter(({ key }) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(textOf(key) ?? ''))
  if (secret.length > 0) throw new CredentialsRefusedError(secret.map(({ name }) => ({ file: name, message: 'is a private key: give the public one' })))
  const missing = names.filter(({ key }) => textOf(key) === undefined)
  if (missing.length > 0) throw new SpecError(missing.map(({ name }) => ({ file: name, message: 'is a file where the spec was written: send its text in signingKeys, as longshore cutover --server does' })))
  const withTexts = { ...signatures, keys: signatures.keys.map((key) => textOf(key) ?? '') }
  try {
    signatureCheckOf(withTexts)
  } catch (error) {
    throw new SpecError([{ file: 'cutover.criteria.signatures', message: error instanceof Error ? error.message : String(error) }])
  }
  return { ...spec, cutover: { ...cutover, criteria: { ...cutover.criteria, signatures: withTexts } } }
}
