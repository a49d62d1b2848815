// Something of the user's that Longshore calls, as a spec writes it: `{ command: [...] }` or `{ http: { url, headers } }`, with a timeout.
import { z } from 'zod'
import { checked } from './checked.ts'
import type { Hook } from './cutover-plan.ts'
import { duration } from './duration-schema.ts'
import { parseDuration } from './duration.ts'

/** A registry that restarts is waited for; a hook that hangs does not hold up a night. */
export const defaultHookTimeoutMs = 60_000

/** What carries a secret wherever it is met. */
const secretHeaders = /^(?:(?:proxy-)?authorization|cookie|.*(?:token|secret|password|api-?key).*)$/i
const variable = /\$\{[A-Za-z_]\w*\}/g

/** A URL may come from the environment as a whole; then it is judged when it is called. @throws SyntaxError */
function checkUrl(text: string): void {
  if (/^\$\{[A-Za-z_]\w*\}/.test(text)) return
  const url = URL.parse(text.replaceAll(variable, '0'))
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new SyntaxError(`"${text.includes('@') ? '…' : text}" is no URL; write http://HOST/PATH or https://HOST/PATH`)
  if (url.username !== '' || url.password !== '') throw new SyntaxError('holds a user or a password; write an authorization header with ${NAME}, which is taken from the environment')
}

const http = z.strictObject({
  url: checked(checkUrl, 'http:// or https://; ${NAME} is taken from the environment'),
  headers: z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header'), z.string().regex(/^[^\r\n]*$/, 'is more than one line')).optional()
    .describe('${NAME} in a value is taken from the environment'),
}).check((context) => {
  for (const [name, value] of Object.entries(context.value.headers ?? {})) {
    if (secretHeaders.test(name) && value.match(variable) === null) {
      context.issues.push({
        code: 'custom', path: ['headers', name], input: undefined,
        message: 'a secret is not part of a spec; write ${NAME}, and set that variable where Longshore runs',
      })
    }
  }
})

/** One of the two, and not both. */
export const checkHook: z.core.CheckFn<{ readonly command?: unknown; readonly http?: unknown }> = (context) => {
  const { value } = context
  if ((value.command === undefined) === (value.http === undefined)) context.issues.push({ code: 'custom', message: 'a hook is either a command or http', input: value })
}

export const hookSchema = z.strictObject({
  command: z.array(z.string().min(1)).min(1).optional().describe('A program and its arguments; run without a shell'),
  http: http.optional().describe('POSTed to, with what it is about as JSON'),
  timeout: duration.optional().describe('A length of time: 30s, 5m (default 60s)'),
}).check(checkHook)

export type NativeHook = z.infer<typeof hookSchema>

/** Of a hook that the schema took. */
export function hookOf({ command, http: request, timeout }: NativeHook): Hook {
  const timeoutMs = timeout === undefined ? defaultHookTimeoutMs : parseDuration(timeout)
  if (request) return { kind: 'http', url: request.url, headers: request.headers ?? {}, timeoutMs }
  const [program = '', ...rest] = command ?? []
  return { kind: 'command', command: [program, ...rest], timeoutMs }
}
