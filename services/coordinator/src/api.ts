// The REST API: /api/v1. docs/api.md is its reference for people.
import { Readable } from 'node:stream'
import { CutoverNotFoundError, type CutoverRecord, type Heard, NotificationInvalidError } from '@longshore/cutover'
import { type MigrationEntry, type MigrationHead, MigrationNotFoundError, type MigrationRecord, type PoolStore, type RedisCutoverStore } from '@longshore/pool'
import { buildReport, printFailedList, printReport } from '@longshore/report'
import { SpecError } from '@longshore/spec'
import type { ImageId } from '@longshore/transfer'
import { type Answers, type HttpApp, type HttpReply, ServerBusyError } from '@longshore/telemetry'
import type { AllowedRegistries } from './allowed-registries.ts'
import { addCutoverRoutes } from './cutover-routes.ts'
import { ImageUnknownError, NoReportError } from './errors.ts'
import { hasSeenAll, sendEvents } from './event-source.ts'
import { examples } from './examples.ts'
import { findImage, pageOfImages } from './image-page.ts'
import { addNotificationRoute } from './notification-route.ts'
import { publishOpenApi } from './openapi.ts'
import { toMigration, toNode, toWorker } from './resources.ts'
import { addRoute, refTo } from './route.ts'
import {
  eventsQuerySchema, idSchema, imageParamsSchema, imagesQuerySchema, imagesSchema, listQuerySchema, migrationSchema, migrationsSchema, nodesSchema, openApiSchema, publishedReportSchema, submitQuerySchema,
  submitSchema, submittedSchema, workersSchema,
} from './schemas.ts'
import { listTypes, readSubmission, submitBytes, takeSpecBodies, yamlTypes } from './submit.ts'

export interface ApiOptions {
  /** `undefined` while Redis does not answer. */
  readonly store: () => PoolStore | undefined
  readonly version: string
  readonly cutovers: () => RedisCutoverStore | undefined
  readonly allowed: AllowedRegistries
  readonly allowHooks: boolean
  /** What hooks are called with. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the server closes. */
  readonly signal: AbortSignal
  readonly onSubmit: (record: MigrationRecord, resumed: boolean) => void
  readonly onSteer: (id: string, action: string) => void
  readonly onBegin: (record: CutoverRecord, resumed: boolean) => void
  readonly onSteerCutover: (id: string, action: string) => void
  readonly onHeard: (id: string, registry: string, heard: Heard) => void
  readonly onRefused: (status: number) => void
}

export const base = '/api/v1'

/** Of a spec in which every line is wrong. */
const maxProblems = 1_000
const statusOfCode: Readonly<Record<string, number>> = { MIGRATION_NOT_FOUND: 404, MIGRATION_LOST: 404, WRONG_STATE: 409, CUTOVER_NOT_FOUND: 404, CUTOVER_PHASE: 409 }

export const answers: Answers = (error) => {
  if (error instanceof SpecError) return { status: 422, facts: { problems: error.problems.slice(0, maxProblems), ...(error.problems.length > maxProblems ? { more: error.problems.length - maxProblems } : {}) } }
  if (error instanceof NotificationInvalidError) return { status: error.status }
  const status = statusOfCode[error.code]
  return status === undefined ? undefined : { status }
}

/** Watchers at once: each asks Redis a few times a second. */
const maxWatchers = 200
/** Of a hundred thousand images. */
const longMs = 120_000

const noMigration = { 404: ['MIGRATION_NOT_FOUND'] }

export async function addApi(app: HttpApp, options: ApiOptions): Promise<void> {
  const { version, allowed, allowHooks, env, signal, onSubmit, onSteer, onBegin, onSteerCutover, onHeard, onRefused } = options
  const up = <T>(known: T | undefined): T => {
    if (!known) throw new ServerBusyError('Redis does not answer at the moment; ask again in some seconds')
    return known
  }
  const store = (): PoolStore => up(options.store())
  const cutovers = (): RedisCutoverStore => up(options.cutovers())
  let watchers = 0
  await publishOpenApi(app, version)
  await app.register(async (api) => {
    takeSpecBodies(api)

    addRoute(api, {
      method: 'POST', url: '/migrations', operationId: 'submit', tag: 'migrations', summary: 'Submit a migration', query: submitQuerySchema, bodyLimit: submitBytes, handlerTimeout: longMs,
      description: 'The body is an images list, a YAML spec, or JSON that carries either with its options; beside a list or YAML the options stand in the query. Credentials are refused wherever they are found.',
      bodies: [
        ...listTypes.map((type) => ({ type, schema: { type: 'string', description: 'an images list, or YAML where it looks so' }, example: examples.list })),
        ...yamlTypes.map((type) => ({ type, schema: { type: 'string', description: 'a YAML spec' }, example: examples.yaml })),
        { type: 'application/json', schema: refTo(submitSchema), example: examples.submit },
      ],
      answers: {
        201: { description: 'It is submitted', schema: submittedSchema, example: examples.submitted, headers: { location: 'its URL' } },
        200: { description: 'The same is under way already: this is it', schema: submittedSchema, example: { ...examples.submitted, resumed: true }, headers: { location: 'its URL' } },
      },
      problems: { 403: ['REGISTRY_NOT_ALLOWED', 'HOOKS_NOT_ALLOWED'], 413: ['REQUEST_INVALID'], 415: ['REQUEST_INVALID'], 422: ['SPEC_INVALID', 'CREDENTIALS_REFUSED'] },
      handle: async ({ query }, request, reply) => {
        const pool = store()
        const { migration, options: poolOptions, warnings } = await readSubmission(request, query, { allowed, allowHooks })
        const { record, resumed } = await pool.submit(migration, poolOptions)
        onSubmit(record, resumed)
        return await reply.code(resumed ? 200 : 201).header('location', `${base}/migrations/${record.id}`).send({ ...await statusOf(pool, record.id), resumed, warnings })
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations', operationId: 'listMigrations', tag: 'migrations', summary: 'List migrations, the newest first', query: listQuerySchema,
      answers: { 200: { description: 'Those that are known', schema: migrationsSchema, example: { migrations: [examples.migration] } } },
      handle: async ({ query: { state, limit, cursor } }) => {
        const pool = store()
        // Newest first, and so are their keys: a record that runs out meanwhile shifts nothing.
        const keyOf = ({ created, id }: MigrationEntry): string => `${created} ${id}`
        const entries = (await pool.list()).filter((entry) => (state === undefined || entry.state === state) && (cursor === undefined || keyOf(entry) < cursor))
        const page = entries.slice(0, limit)
        const last = page.at(-1)
        const statuses = await Promise.all(page.map(async ({ id }) => await pool.status(id)))
        return { migrations: statuses.filter((status) => status !== undefined).map(toMigration), ...(last && limit < entries.length ? { next: keyOf(last) } : {}) }
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations/:id', operationId: 'getMigration', tag: 'migrations', summary: 'How a migration stands', params: idSchema,
      answers: { 200: { description: 'Its state and its counts', schema: migrationSchema, example: examples.migration } }, problems: noMigration,
      handle: async ({ params: { id } }) => await statusOf(store(), id),
    })

    for (const [action, summary, description, states] of [
      ['pause', 'Hand out no more work', 'What is in hand may arrive.', 'running'], ['resume', 'Go on', 'Hands out work again.', 'paused'],
      ['cancel', 'End it', 'What is in hand is dropped; what is at the destination stays there.', 'running, paused or stopping'],
      ['retry', 'Try the images that failed once more', 'Only those. A migration that was complete runs again.', 'running, paused or complete'],
    ] as const) {
      addRoute(api, {
        method: 'POST', url: `/migrations/:id/${action}`, operationId: `${action}Migration`, tag: 'migrations', summary, description: `${description} For one that is ${states}; asked again, it answers the same.`, params: idSchema,
        answers: { 200: { description: 'As it stands now', schema: migrationSchema, example: examples.migration } }, problems: { ...noMigration, 409: ['WRONG_STATE'] },
        handle: async ({ params: { id } }) => {
          const pool = store()
          await pool[action](id)
          onSteer(id, action)
          return await statusOf(pool, id)
        },
      })
    }

    addRoute(api, {
      method: 'GET', url: '/migrations/:id/events', operationId: 'watchMigration', tag: 'migrations', summary: 'Watch a migration', params: idSchema, query: eventsQuerySchema,
      description: 'Server-sent events until the end: `run` (what happens, as `longshore migrate --json` prints it), `status` (schema StatusEvent, about once a second when something changed), `end` (as `status`, the last), '
        + '`problem`. The stream is cut to its latest part: counts are in `status`, images in …/images.',
      headers: { type: 'object', properties: { 'last-event-id': { type: 'string', description: 'the id of the last `run` that was seen: goes on behind it' } } },
      answers: {
        200: { description: 'Events', type: 'text/event-stream', example: examples.events },
        204: { description: 'Last-Event-ID is the end: there is nothing to come back for' },
      },
      problems: noMigration,
      handle: async ({ params: { id }, query }, request, reply) => {
        const pool = store()
        await required(pool, id)
        const header = request.headers['last-event-id']
        const after = query.after ?? (typeof header === 'string' ? header : undefined)
        if (await hasSeenAll(pool, id, after)) return await reply.code(204).send()
        if (watchers >= maxWatchers) throw new ServerBusyError(`${maxWatchers} watch already; ask again later, or ask for the status now and then`)
        reply.hijack()
        watchers++
        await sendEvents(reply.raw, { store: pool, id, after, answers, signal }).finally(() => { watchers-- })
        return reply
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations/:id/images', operationId: 'listImages', tag: 'images', summary: 'The images of a migration, by their destinations', params: idSchema, query: imagesQuerySchema, handlerTimeout: longMs,
      answers: { 200: { description: 'A page of them', schema: imagesSchema, example: examples.images } }, problems: noMigration,
      handle: async ({ params: { id }, query: { state, limit, cursor } }) => {
        const pool = store()
        await required(pool, id)
        return await pageOfImages(pool.ledger(id), state, limit, cursor)
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations/:id/images/:image/nodes', operationId: 'listNodes', tag: 'images', summary: 'What has to come true for an image', params: imageParamsSchema, handlerTimeout: longMs,
      answers: { 200: { description: 'Its blobs, manifests and tag with their states', schema: nodesSchema, example: examples.nodes } }, problems: { 404: ['MIGRATION_NOT_FOUND', 'IMAGE_UNKNOWN'] },
      handle: async ({ params: { id, image } }) => {
        const pool = store()
        await required(pool, id)
        const ledger = pool.ledger(id)
        const nodes = await ledger.nodesOf(image as ImageId)
        if (nodes.length > 0) return { image, state: 'moving', nodes: nodes.map(toNode) }
        const found = await findImage(ledger, image)
        if (!found) throw new ImageUnknownError(id)
        return { image, state: found.state, nodes: [] }
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations/:id/report', operationId: 'getReport', tag: 'images', summary: 'What became of each image', params: idSchema, handlerTimeout: longMs,
      description: 'The report of docs/report.md. Of a migration that has not ended: what came of it so far, with the outcome `stopped`.',
      answers: { 200: { description: 'The report', schema: publishedReportSchema, example: examples.report } }, problems: { ...noMigration, 409: ['WRONG_STATE'] },
      handle: async ({ params: { id } }, _, reply) => {
        const pool = store()
        const record = await reportable(pool, id)
        const [tally, registries, status] = await Promise.all([pool.tally(id), pool.uses(id), pool.status(id)])
        const report = buildReport(tally, {
          version, registries, started: new Date(record.created), ended: record.ended === undefined ? new Date() : new Date(record.ended), ms: status?.elapsedMs ?? 0,
          stopped: record.state !== 'complete',
        })
        return await stream(reply, 'application/json; charset=utf-8', printReport(report))
      },
    })

    addRoute(api, {
      method: 'GET', url: '/migrations/:id/failed', operationId: 'getFailedList', tag: 'images', summary: 'The images that failed, as an images list', params: idSchema, handlerTimeout: longMs,
      answers: { 200: { description: 'A list that can be submitted again', type: 'text/plain', example: examples.failed } }, problems: { ...noMigration, 409: ['WRONG_STATE'] },
      handle: async ({ params: { id } }, _, reply) => {
        const pool = store()
        await reportable(pool, id)
        return await stream(reply, 'text/plain; charset=utf-8', printFailedList(await pool.tally(id)))
      },
    })

    addCutoverRoutes(api, { cutovers, allowed, allowHooks, env, base, version, onBegin, onSteer: onSteerCutover })
    await addNotificationRoute(api, {
      cutover: async (id) => {
        const record = await cutovers().get(id)
        if (!record) throw new CutoverNotFoundError(id)
        return record
      },
      addChanges: async (id, changes) => { await cutovers().addChanges(id, changes) }, onHeard, onRefused,
    })

    addRoute(api, {
      method: 'GET', url: '/workers', operationId: 'listWorkers', tag: 'pool', summary: 'Who is alive',
      answers: { 200: { description: 'Workers and coordinators', schema: workersSchema, example: { workers: [examples.worker] } } },
      handle: async () => ({ workers: (await store().workers()).map(toWorker) }),
    })

    addRoute(api, {
      method: 'GET', url: '/openapi.json', operationId: 'getOpenApi', tag: 'api', summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1', schema: openApiSchema } },
      handle: async () => app.swagger(),
    })
  }, { prefix: base })
}

async function required(store: PoolStore, id: string): Promise<MigrationHead> {
  const head = await store.head(id)
  if (!head) throw new MigrationNotFoundError(id)
  return head
}

async function statusOf(store: PoolStore, id: string): Promise<ReturnType<typeof toMigration>> {
  const status = await store.status(id)
  if (!status) throw new MigrationNotFoundError(id)
  return toMigration(status)
}

/** What moved something. */
async function reportable(store: PoolStore, id: string): Promise<MigrationHead> {
  const head = await required(store, id)
  const { kind } = head.options.task
  if (kind !== 'migrate') throw new NoReportError(id, kind)
  return head
}

async function stream(reply: HttpReply, type: string, pieces: Iterable<string>): Promise<HttpReply> {
  return await reply.type(type).send(Readable.from(gather(pieces), { objectMode: false }))
}

/** Pieces of a line each would be a packet each. */
function* gather(pieces: Iterable<string>): Generator<Buffer> {
  let waiting = ''
  for (const piece of pieces) {
    waiting += piece
    if (waiting.length < 64 * 1024) continue
    yield Buffer.from(waiting)
    waiting = ''
  }
  if (waiting !== '') yield Buffer.from(waiting)
}
