// One who talks to Harbor over bare HTTP.
import { manifestMediaTypes } from '@longshore/oci'
import { PlainClient, type PlainRequest } from '../http.ts'
import type { Credentials } from './fixtures.ts'

export interface HarborAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly json: unknown
  /** The first error's code and message. */
  readonly code: string | undefined
  readonly message: string | undefined
}

export class HarborUser implements Disposable {
  readonly #client: PlainClient

  /** Without credentials: anonymous. `credentials` may be a whole Authorization header. */
  constructor(url: string, credentials?: Credentials | string) {
    const authorization = typeof credentials === 'object' ? basic(credentials) : credentials
    this.#client = new PlainClient(url, authorization === undefined ? {} : { authorization })
  }

  async send(method: string, path: string, body?: unknown, more: Readonly<Record<string, string>> = {}): Promise<HarborAnswer> {
    const headers = { accept: [...manifestMediaTypes, 'application/json'].join(','), ...more }
    const request: PlainRequest = body instanceof Uint8Array ? { body, headers }
      : body === undefined ? { headers } : { body: Buffer.from(JSON.stringify(body)), headers: { 'content-type': 'application/json', ...headers } }
    const answer = await this.#client.send(method, path, request)
    let json: unknown
    try {
      json = JSON.parse(answer.body.toString())
    } catch {
      json = undefined
    }
    const [error] = (json as { errors?: { code: string; message: string }[] } | undefined)?.errors ?? []
    return { status: answer.status, headers: answer.headers, json, code: error?.code, message: error?.message }
  }

  async get(path: string, headers?: Readonly<Record<string, string>>): Promise<HarborAnswer> {
    return this.send('GET', path, undefined, headers)
  }

  async post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<HarborAnswer> {
    return this.send('POST', path, body, headers)
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }
}

export function basic({ name, password }: Credentials): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}
