// Harbor's REST API, v2.0, as far as a migration needs it. github.com/goharbor/harbor v2.12, api/v2.0/swagger.yaml.
// Each noun has a file of its own; all of them ask through here.
import { printable } from '@longshore/oci'
import type { Io } from '@longshore/transfer'
import type { z } from 'zod'
import { HarborError } from './errors.ts'
import { type Need, refusal } from './refusal.ts'
import type { ApiAnswer, ApiRequest, Requester } from './requester.ts'

const base = '/api/v2.0'
/** The most that Harbor gives on one page. */
const pageSize = 100
/** Ends a server that links its pages in a circle. */
const maxPages = 100_000

export interface Call extends Omit<ApiRequest, 'path' | 'headers' | 'repository'> {
  /** Below `/api/v2.0`, with everything in it encoded. */
  readonly path: string
  /** Absent values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** What is asked of is of this project: with its credentials, and by its name, though it may look like a number. */
  readonly project?: string
  readonly need?: Need
}

export class Harbor {
  readonly registry: string
  readonly #requester: Requester

  constructor(requester: Requester) {
    this.#requester = requester
    this.registry = requester.registry
  }

  /** The account that asks. */
  async account(project?: string): Promise<string | undefined> { return await this.#requester.account(project) }

  /** An answer of `accepted` statuses. @throws HarborError, ConnectionError, RegistryError */
  async ask(call: Call, accepted: readonly number[], { signal }: Io): Promise<ApiAnswer> {
    const answer = await this.#send(call, signal)
    if (accepted.includes(answer.status)) return answer
    throw refusal(this.registry, `${call.method} ${base}${call.path}`, answer, call.need, await this.account(call.project))
  }

  /** What a `200` holds. @throws as `ask`, and HarborError HARBOR_UNREADABLE */
  async read<T>(call: Omit<Call, 'method'>, schema: z.ZodType<T>, io: Io): Promise<T> {
    const got: Call = { ...call, method: 'GET' }
    return this.#parse(got, await this.ask(got, [200], io), schema)
  }

  /** The same, or `undefined` where there is no such thing. */
  async find<T>(call: Omit<Call, 'method'>, schema: z.ZodType<T>, io: Io): Promise<T | undefined> {
    const got: Call = { ...call, method: 'GET' }
    const answer = await this.ask(got, [200, 404], io)
    return answer.status === 404 ? undefined : this.#parse(got, answer, schema)
  }

  /** Every item of a list, page by page as they are asked for. Where items go meanwhile, others may come twice. */
  async* list<T>(call: Omit<Call, 'method'>, schema: z.ZodType<T>, io: Io): AsyncGenerator<T, void, void> {
    const items = schema.array().nullable()
    let known: number | undefined
    for (let page = 1; page <= maxPages; page++) {
      const got: Call = { ...call, method: 'GET', query: { ...call.query, page, page_size: pageSize } }
      const answer = await this.ask(got, [200], io)
      const found = this.#parse(got, answer, items) ?? []
      const total = Number(header(answer, 'x-total-count') ?? Number.NaN)
      // Items of earlier pages were deleted: some that are on this page no more have moved to those, and were not seen.
      const gone = known === undefined || Number.isNaN(total) ? 0 : Math.max(0, known - total)
      known = Number.isNaN(total) ? undefined : total
      if (gone > 0) {
        page = Math.max(0, page - 1 - Math.ceil(gone / pageSize))
        continue
      }
      yield* found
      if (found.length === 0 || (Number.isNaN(total) ? found.length < pageSize : page * pageSize >= total)) return
    }
  }

  /** Makes something; answers its `Location`. `existed`: there is one of that name. @throws as `ask` */
  async create(call: Omit<Call, 'method'>, io: Io): Promise<{ readonly outcome: 'created' | 'existed'; readonly location: string | undefined }> {
    // Asked again after a broken connection it may meet what it has made itself: that is told as `existed`.
    const answer = await this.ask({ idempotent: true, ...call, method: 'POST' }, [200, 201, 409], io)
    return { outcome: answer.status === 409 ? 'existed' : 'created', location: header(answer, 'location') }
  }

  /** Makes or changes something whose answer is wanted, once: it is not asked again after a broken connection. @throws as `read` */
  async make<T>(call: Omit<Call, 'method'> & { readonly method?: 'POST' | 'PATCH' }, schema: z.ZodType<T>, io: Io): Promise<T> {
    const asked: Call = { ...call, method: call.method ?? 'POST' }
    return this.#parse(asked, await this.ask(asked, [200, 201], io), schema)
  }

  async #send({ method, path, query = {}, json, project, idempotent, attempts }: Call, signal: AbortSignal): Promise<ApiAnswer> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    return await this.#requester.api({
      method, ...(json === undefined ? {} : { json }), ...(idempotent === undefined ? {} : { idempotent }), ...(attempts === undefined ? {} : { attempts }),
      path: `${base}${path}${given.length === 0 ? '' : `?${given.join('&')}`}`,
      // A project called 42 is no project of that number.
      ...(project === undefined ? {} : { repository: project, headers: { 'x-is-resource-name': 'true' } }),
    }, { signal })
  }

  #parse<T>(call: Call, answer: ApiAnswer, schema: z.ZodType<T>): T {
    const unreadable = (why: string): HarborError => new HarborError({
      code: 'HARBOR_UNREADABLE', status: answer.status, registry: this.registry, request: `${call.method} ${base}${call.path}`,
      said: { code: '', message: printable(why) }, hint: 'this is no answer of a Harbor with API v2.0: check host and port, and that Harbor is of version 2.0 or later',
    })
    let value: unknown
    try { value = JSON.parse(Buffer.from(answer.body).toString('utf8')) } catch { throw unreadable('what came is not JSON') }
    const result = schema.safeParse(value)
    if (result.success) return result.data
    const [issue] = result.error.issues
    throw unreadable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'another shape'}`)
  }
}

/** For a path: as it is, once encoded. */
export function segment(name: string): string { return encodeURIComponent(name) }
/** A repository's name within its project: what is in the path is decoded twice on its way. */
export function repositorySegment(name: string): string { return encodeURIComponent(encodeURIComponent(name)) }

function header({ headers }: ApiAnswer, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'object' ? value[0] : value
}
