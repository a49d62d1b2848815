// The few calls of the Docker Engine API that move images; podman answers them too. https://docs.docker.com/reference/api/engine/
import type { Readable } from 'node:stream'
import type { Io } from '@longshore/transfer'
import { errors, request } from 'undici'
import type { DaemonHost } from './daemon-host.ts'
import { EngineError } from './errors.ts'

/** Answers that are documents. Bytes. */
const maxAnswerBytes = 64 * 1024 * 1024

export interface ListedImage { readonly id: string; readonly tags: readonly string[] }

export class EngineApi implements AsyncDisposable {
  readonly #host: DaemonHost
  /** @param host is closed with this */
  constructor(host: DaemonHost) { this.#host = host }

  async images(io: Io): Promise<readonly ListedImage[]> {
    const listed = await this.#json('GET', '/images/json', io)
    if (!Array.isArray(listed)) throw this.#nonsense('GET /images/json')
    return listed.flatMap((entry: { readonly Id?: unknown; readonly RepoTags?: unknown }) => (typeof entry.Id === 'string'
      ? [{ id: entry.Id, tags: Array.isArray(entry.RepoTags) ? entry.RepoTags.filter((tag) => typeof tag === 'string') : [] }] : []))
  }

  /** An image's ID, `sha256:…`; `undefined` when there is none of the name. */
  async find(name: string, io: Io): Promise<string | undefined> {
    const found = await this.#json('GET', `/images/${encodeName(name)}/json`, io)
    if (found === undefined) return undefined
    const id = typeof found === 'object' && found !== null && 'Id' in found ? found.Id : undefined
    if (typeof id !== 'string') throw this.#nonsense(`GET /images/${name}/json`)
    return id.startsWith('sha256:') ? id : `sha256:${id}`
  }

  /** The image as `docker save` writes it. */
  async *save(name: string, io: Io): AsyncGenerator<Uint8Array> {
    const path = `/images/${encodeName(name)}/get`
    const { statusCode, body } = await this.#send('GET', path, io)
    try {
      if (statusCode !== 200) throw this.#refusal(statusCode, `GET ${path}`, await text(body))
      yield* body as AsyncIterable<Uint8Array>
    } catch (error) {
      throw io.signal.aborted ? io.signal.reason : error instanceof EngineError ? error : this.#broken(`GET ${path}`, error)
    } finally {
      body.on('error', () => {}).destroy()
    }
  }

  /** `docker load`. The engine answers 200 before it has read all, so failures stand in the lines of its answer. */
  async load(archive: Readable, io: Io): Promise<void> {
    const path = '/images/load?quiet=1'
    const { statusCode, body } = await this.#send('POST', path, io, archive)
    const answer = await text(body)
    if (statusCode !== 200) throw this.#refusal(statusCode, `POST ${path}`, answer)
    for (const line of answer.split('\n')) {
      const { error } = parse(line) as { readonly error?: unknown } | undefined ?? {}
      if (typeof error === 'string') throw new EngineError('ENGINE_REFUSED', `the engine at ${this.#host.address} did not take the image: ${error}`)
    }
  }

  /** Takes the name away, and with the last name the image. `false` when there is none of the name. */
  async remove(name: string, io: Io): Promise<boolean> { return await this.#json('DELETE', `/images/${encodeName(name)}`, io) !== undefined }

  async [Symbol.asyncDispose](): Promise<void> { await this.#host.agent.destroy() }

  async #json(method: 'GET' | 'DELETE', path: string, io: Io): Promise<unknown> {
    const { statusCode, body } = await this.#send(method, path, io)
    const answer = await text(body)
    if (statusCode === 404) return undefined
    if (statusCode !== 200) throw this.#refusal(statusCode, `${method} ${path}`, answer)
    return parse(answer) ?? (() => { throw this.#nonsense(`${method} ${path}`) })()
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', path: string, { signal }: Io, content?: Readable) {
    signal.throwIfAborted()
    const { origin, agent } = this.#host
    try {
      return await request(`${origin}${path}`, {
        method, dispatcher: agent, signal, ...(content === undefined ? {} : { body: content, headers: { 'content-type': 'application/x-tar' } }),
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw this.#broken(`${method} ${path}`, error)
    }
  }

  #broken(what: string, error: unknown): EngineError {
    const { address, isSocket } = this.#host
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH' || error instanceof errors.ConnectTimeoutError) {
      return new EngineError('ENGINE_MISSING', `no engine listens at ${address} (${code}): start it (systemctl start docker, or podman system service --time=0 unix://PATH), or name another with DOCKER_HOST or --daemon-host`, error)
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return new EngineError('ENGINE_DENIED', `this user may not use the engine's ${isSocket ? 'socket' : 'address'} ${address} (${code}): join its group (usermod -aG docker USER, then log in again), or run as a user who may`, error)
    }
    return new EngineError('ENGINE_REFUSED', `the engine at ${address} broke off ${what} (${error instanceof Error ? error.message : String(error)})`, error)
  }

  #refusal(status: number, what: string, answer: string): EngineError {
    const { message } = parse(answer) as { readonly message?: unknown } | undefined ?? {}
    const why = typeof message === 'string' ? message : answer.slice(0, 300)
    return new EngineError(status === 401 || status === 403 ? 'ENGINE_DENIED' : 'ENGINE_REFUSED', `the engine at ${this.#host.address} answered ${status} to ${what}: ${why}`)
  }

  #nonsense(what: string): EngineError { return new EngineError('ENGINE_REFUSED', `what listens at ${this.#host.address} does not answer ${what} as a Docker engine does`) }
}

/** Names have slashes and colons, which the API takes as they are. */
function encodeName(name: string): string { return name.split('/').map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@')).join('/') }

async function text(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxAnswerBytes) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(line: string): unknown {
  try { return JSON.parse(line) as unknown } catch { return undefined }
}
