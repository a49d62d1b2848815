import { connect, type Socket } from 'node:net'

/**
 * HTTP/1.1 with next to nothing between the caller and the socket: keep-alive, no pipelining, no redirects, no retries, and only
 * what docker-registry sends. It is the yardstick, so it does no more than it must.
 */
export interface Answer { readonly status: number; readonly head: string; readonly body: Buffer }

const empty = Buffer.alloc(0)
/** Beyond this the source waits until the destination has given a place to put the bytes. */
const holdBytes = 256 * 1024

export class Connection {
  readonly #socket: Socket
  #pending: Buffer = empty
  #exchange: Exchange | undefined
  #dead: Error | undefined

  constructor(host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true })
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  get usable(): boolean { return this.#dead === undefined }
  close(): void { this.#socket.destroy() }

  /** Sends a request whose body, if any, is at hand. */
  async ask(request: string, body?: Buffer): Promise<Answer> {
    const exchange = this.#begin(request)
    this.#send(request, body)
    return exchange.answer.promise
  }

  /** Sends a request whose answer's body goes into `sink`, which may hold it back. */
  stream(request: string, sink: Sink): Promise<Answer> {
    const exchange = this.#begin(request, sink)
    sink.source = this.#socket
    this.#send(request)
    return exchange.answer.promise
  }

  /** Sends the head of a request, then lets `sink` write its body. */
  async put(head: string, sink: Sink): Promise<Answer> {
    const exchange = this.#begin(head)
    this.#socket.write(head, 'latin1')
    sink.to(this.#socket)
    return exchange.answer.promise
  }

  #begin(request: string, sink?: Sink): Exchange {
    if (this.#dead) throw this.#dead
    this.#exchange = { isHead: request.startsWith('HEAD'), sink, answer: Promise.withResolvers<Answer>() }
    return this.#exchange
  }

  #send(request: string, body?: Buffer): void {
    if (body === undefined) this.#socket.write(request, 'latin1')
    else this.#socket.write(Buffer.concat([Buffer.from(request, 'latin1'), body]))
  }

  #read(chunk: Buffer): void {
    const exchange = this.#exchange
    if (!exchange) return this.#fail(new Error('an answer came that nobody asked for'))
    if (exchange.head !== undefined && exchange.left !== undefined) return this.#body(exchange, chunk)
    const data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    this.#pending = data
    if (exchange.head === undefined) {
      const end = data.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = data.toString('latin1', 0, end + 2)
      exchange.head = head
      this.#pending = data.subarray(end + 4)
      const status = Number(head.slice(9, 12))
      if (exchange.isHead || status === 204 || status === 304) exchange.left = 0
      else if (/\r\nTransfer-Encoding: chunked/i.test(head)) exchange.chunked = true
      else exchange.left = Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? 0)
    }
    if (exchange.chunked === true) return this.#chunked(exchange)
    const rest = this.#pending
    this.#pending = empty
    this.#body(exchange, rest)
  }

  #body(exchange: Exchange, chunk: Buffer): void {
    exchange.left = (exchange.left ?? 0) - chunk.length
    if (chunk.length > 0) {
      if (exchange.sink) exchange.sink.write(chunk)
      else (exchange.chunks ??= []).push(chunk)
    }
    if (exchange.left <= 0) this.#finish(exchange, exchange.chunks?.length === 1 ? exchange.chunks[0]! : Buffer.concat(exchange.chunks ?? []))
  }

  /** Only tag lists come in chunks: small, and read when they are whole. */
  #chunked(exchange: Exchange): void {
    const parts: Buffer[] = []
    for (let at = 0; ;) {
      const eol = this.#pending.indexOf('\r\n', at)
      if (eol < 0) return
      const size = Number.parseInt(this.#pending.toString('latin1', at, eol), 16)
      if (this.#pending.length < eol + 4 + size) return
      if (size === 0) break
      parts.push(this.#pending.subarray(eol + 2, eol + 2 + size))
      at = eol + 4 + size
    }
    this.#pending = empty
    this.#finish(exchange, Buffer.concat(parts))
  }

  #finish(exchange: Exchange, body: Buffer): void {
    this.#exchange = undefined
    const head = exchange.head ?? ''
    if (/\r\nConnection: close/i.test(head)) this.#fail(new Error('the server closes'))
    exchange.answer.resolve({ status: Number(head.slice(9, 12)), head, body })
  }

  #fail(error: Error): void {
    if (this.#dead) return
    this.#dead = error
    this.#socket.destroy()
    this.#exchange?.answer.reject(error)
  }
}

interface Exchange {
  readonly isHead: boolean
  readonly sink: Sink | undefined
  readonly answer: PromiseWithResolvers<Answer>
  head?: string
  left?: number
  chunked?: boolean
  chunks?: Buffer[]
}

/** Passes bytes from a source's socket to a destination's, which may come later; each waits for the other. */
export class Sink {
  source: Socket | undefined
  #target: Socket | undefined
  #held: Buffer[] = []
  #heldBytes = 0

  write(chunk: Buffer): void {
    if (this.#target) {
      if (!this.#target.write(chunk)) this.#wait(this.#target)
      return
    }
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes > holdBytes) this.source?.pause()
  }

  to(target: Socket): void {
    this.#target = target
    for (const chunk of this.#held) target.write(chunk)
    this.#held = []
    if (target.writableNeedDrain) this.#wait(target)
    else this.source?.resume()
  }

  #wait(target: Socket): void {
    this.source?.pause()
    target.once('drain', () => this.source?.resume())
  }
}

/** At most `limit` connections to one host; those who wait are served in turn. */
export class Pool {
  readonly authority: string
  readonly #host: string
  readonly #port: number
  readonly #limit: number
  readonly #idle: Connection[] = []
  readonly #waiting: ((connection: Connection) => void)[] = []
  #open = 0

  constructor(authority: string, limit: number) {
    this.authority = authority
    const [host = '', port = ''] = authority.split(':')
    this.#host = host
    this.#port = Number(port)
    this.#limit = limit
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#take()
    try {
      return await work(connection)
    } finally {
      this.#release(connection)
    }
  }

  /** One request with no body, or one that is at hand. */
  async ask(method: string, path: string, headers = '', body?: Buffer): Promise<Answer> {
    return this.use((connection) => connection.ask(this.head(method, path, headers, body?.length), body))
  }

  head(method: string, path: string, headers = '', length?: number): string {
    const sized = length ?? (method === 'POST' || method === 'PUT' ? 0 : undefined)
    return `${method} ${path} HTTP/1.1\r\nHost: ${this.authority}\r\n${headers}${sized === undefined ? '' : `Content-Length: ${sized}\r\n`}\r\n`
  }

  close(): void { for (const connection of this.#idle) connection.close() }

  #take(): Promise<Connection> | Connection {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.usable) return idle
      this.#open--
    }
    if (this.#open < this.#limit) {
      this.#open++
      return new Connection(this.#host, this.#port)
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #release(connection: Connection): void {
    const next = this.#waiting.shift()
    if (!next) this.#idle.push(connection)
    else if (connection.usable) next(connection)
    else next(new Connection(this.#host, this.#port))
  }
}
