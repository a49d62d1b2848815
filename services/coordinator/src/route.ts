// One place where a route's schemas, its documentation and its checks meet: what is published is what is checked.
import { RequestInvalidError, type HttpApp, type HttpReply, type HttpRequest } from '@longshore/telemetry'
import { z } from 'zod'
import { CredentialsRefusedError } from './errors.ts'
import { isSecretName } from './find-credentials.ts'
import { components, problemSchema } from './schemas.ts'

/** An answer that a route may give. `example` is of the media type's form. */
export interface AnswerDoc {
  readonly description: string
  readonly type?: 'application/json' | 'text/plain' | 'text/markdown' | 'text/event-stream'
  /** Of JSON. */
  readonly schema?: z.ZodType
  readonly example?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface BodyDoc { readonly type: string; readonly schema: object; readonly example: unknown }

export interface Route<P extends z.ZodType, Q extends z.ZodType> {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tag: 'migrations' | 'images' | 'cutovers' | 'pool' | 'api'
  /** Absent: it needs the token. */
  readonly access?: 'notifications'
  readonly params?: P
  readonly query?: Q
  readonly headers?: object
  readonly bodies?: readonly BodyDoc[]
  readonly bodyLimit?: number
  /** Milliseconds; of answers that take their time. */
  readonly handlerTimeout?: number
  readonly answers: Readonly<Record<number, AnswerDoc>>
  /** Codes by status, beside those that every route may answer with. */
  readonly problems?: Readonly<Record<number, readonly string[]>>
  readonly handle: (input: { readonly params: z.output<P>; readonly query: z.output<Q> }, request: HttpRequest, reply: HttpReply) => Promise<unknown>
}

const always: Readonly<Record<number, readonly string[]>> = { 400: ['REQUEST_INVALID'], 401: ['TOKEN_REFUSED'], 503: ['SERVER_BUSY'] }
const nothing = z.strictObject({})

export function addRoute<P extends z.ZodType = typeof nothing, Q extends z.ZodType = typeof nothing>(app: HttpApp, route: Route<P, Q>): void {
  const { method, url, operationId, summary, description, tag, params, query, headers, bodies, bodyLimit, handlerTimeout, answers, problems = {}, access, handle } = route
  const schema: object = {
    operationId, summary, ...(description === undefined ? {} : { description }), tags: [tag],
    ...(params === undefined ? {} : { params: inline(params) }), ...(query === undefined ? {} : { querystring: inline(query) }), ...(headers === undefined ? {} : { headers }),
    ...(bodies === undefined ? {} : { body: { content: Object.fromEntries(bodies.map(({ type, schema: form, example }) => [type, { schema: { ...form, examples: [example] } }])) } }),
    ...(access === undefined ? {} : { security: [{ token: [] }, { notification: [] }] }),
    response: { ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])), ...problemsOf({ ...always, ...problems }) },
  }
  app.route({
    method, url, schema, exposeHeadRoute: false, ...(access === undefined ? {} : { config: { access } }), ...(bodyLimit === undefined ? {} : { bodyLimit }), ...(handlerTimeout === undefined ? {} : { handlerTimeout }),
    handler: async (request, reply) => handle({ params: check('path', params ?? nothing, request.params) as z.output<P>, query: check('query', query ?? nothing, request.query) as z.output<Q> }, request, reply),
  })
}

/** @throws RequestInvalidError; CredentialsRefusedError where a parameter's name says that it carries some */
export function check<T extends z.ZodType>(where: 'path' | 'query' | 'body', schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const unknown = result.error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))
  const secret = unknown.filter(isSecretName)
  if (secret.length > 0) throw new CredentialsRefusedError(secret.map((key) => ({ file: where, message: `${JSON.stringify(key.slice(0, 60))} is for credentials` })))
  const errors = result.error.issues.map(({ path, message }) => ({ in: where, path: path.map(String).join('.'), message }))
  throw new RequestInvalidError(400, errors.map(({ path, message }) => `${where}${path === '' ? '' : ` ${path}`}: ${message}`).slice(0, 10).join('; '), { errors })
}

export function refTo(schema: z.ZodType): object {
  const id = components.get(schema)?.id
  if (id === undefined) throw new Error('a schema that is published has a name')
  return { $ref: `#/components/schemas/${id}` }
}

function inline(schema: z.ZodType): object {
  const { $schema: _, ...form } = z.toJSONSchema(schema, { io: 'input' })
  return form
}

function answerOf({ description, type = 'application/json', schema, example, headers }: AnswerDoc): object {
  if (schema === undefined && type === 'application/json') return { description, type: 'null' }
  return {
    description, ...(headers === undefined ? {} : { headers: Object.fromEntries(Object.entries(headers).map(([name, about]) => [name, { type: 'string', description: about }])) }),
    content: { [type]: { schema: schema === undefined ? { type: 'string' } : refTo(schema), ...(example === undefined ? {} : { example }) } },
  }
}

function problemsOf(problems: Readonly<Record<number, readonly string[]>>): object {
  return Object.fromEntries(Object.entries(problems).map(([status, codes]) => [status, {
    description: codes.join(', '),
    content: { 'application/problem+json': { schema: refTo(problemSchema), examples: Object.fromEntries(codes.map((code) => [code, { value: { type: `urn:longshore:error:${code}`, title: '…', status: Number(status), detail: '…', code } }])) } },
  }]))
}
