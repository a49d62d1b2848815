// 401, 403, 404, 409, 412 and 429 of Harbor's API mean different things to do. Its errors are `{ errors: [{ code, message }] }`:
// github.com/goharbor/harbor v2.12, src/lib/errors/const.go.
import { HarborError, type HarborErrorCode } from './errors.ts'
import type { ApiAnswer } from './requester.ts'

/** What a request needs, in the words of Harbor's permissions: shown where it is refused. */
export interface Need {
  /** As the page "Robot Accounts" names them: `project: create`. */
  readonly permission: string
  /** Of the whole Harbor, or of one project. */
  readonly level: 'system' | 'project'
}

const shown = 300

export function refusal(registry: string, request: string, answer: ApiAnswer, need: Need | undefined, account: string | undefined): HarborError {
  const { status } = answer
  const said = readWords(answer.body)
  const [code, hint] = judge(status, said, need, account)
  return new HarborError({ code, status, registry, request, hint, ...(said === undefined ? {} : { said }) })
}

function judge(status: number, said: HarborError['said'], need: Need | undefined, account: string | undefined): readonly [HarborErrorCode, string] {
  switch (status) {
    case 401: return ['HARBOR_UNAUTHORIZED', account === undefined ? 'log in: --src-creds or --dest-creds, --authfile, "docker login" or "podman login" with a user or a robot account of this Harbor'
      : hintOfAccount(account)]
    case 403: return said?.code === 'DENIED' && /read.?only/i.test(said.message) ? ['HARBOR_FORBIDDEN', 'Harbor is read-only: an administrator switches that off under Configuration › System Settings']
      : ['HARBOR_FORBIDDEN', need === undefined ? 'the account lacks the right to do this' : `${account ?? 'whoever asks'} needs the permission "${need.permission}" (${need.level === 'system' ? 'a system permission of a robot account, or an administrator' : 'of a robot account that covers this project, or a member of it'})`]
    case 404: return ['HARBOR_NOT_FOUND', 'check the name; accounts that may not see something are told so as well']
    case 409: return ['HARBOR_CONFLICT', 'something of that name is there already']
    case 412: return ['HARBOR_PRECONDITION', 'the state of things there forbids it; what Harbor says names the rule']
    case 429: return ['HARBOR_LIMITED', 'Harbor limits requests; run again later']
    default: return status >= 500 ? ['HARBOR_UNAVAILABLE', 'Harbor is in trouble; look at its log (core), and run again later'] : ['HARBOR_REFUSED', 'Harbor does not take this request; what it says names the reason']
  }
}

/** Harbor answers accounts that it does not take as it answers strangers. */
export function notTaken(registry: string, request: string, account: string): HarborError {
  return new HarborError({ code: 'HARBOR_UNAUTHORIZED', status: 200, registry, request, said: { code: '', message: 'as it does to strangers' }, hint: hintOfAccount(account) })
}

function hintOfAccount(account: string): string {
  return `the account ${account} or its secret is not taken: a robot account's name is whole (${robotExample(account)}), and it may be disabled or have expired`
}

function robotExample(account: string): string { return account.includes('$') ? account : `robot$${account}` }

function readWords(body: Uint8Array): HarborError['said'] {
  if (body.byteLength === 0) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  try {
    const { errors, code, message } = JSON.parse(text) as { errors?: unknown; code?: unknown; message?: unknown }
    const [first] = Array.isArray(errors) ? errors as readonly unknown[] : [{ code, message }]
    if (typeof first === 'object' && first !== null) {
      const said = first as Record<string, unknown>
      const words = { code: typeof said['code'] === 'string' || typeof said['code'] === 'number' ? String(said['code']) : '', message: typeof said['message'] === 'string' ? said['message'].slice(0, shown) : '' }
      if (words.code !== '' || words.message !== '') return words
    }
  } catch {
    // Not JSON: a proxy's page, say.
  }
  const message = /^\s*</.test(text) ? /<title>([^<]*)<\/title>/i.exec(text)?.[1]?.trim() ?? 'a web page' : text.trim().replace(/\s+/g, ' ')
  return message === '' ? undefined : { code: '', message: message.slice(0, shown) }
}
