import type { Backoff, Bandwidth } from '@longshore/concurrency'

/** What proves who we are: the same union as in `@longshore/credentials`. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token: goes to the token service, never to the registry itself. */
  | { readonly kind: 'identity-token'; readonly username?: string; readonly token: string }
  /** A bearer token that is sent to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly token: string }

/** Milliseconds without progress, never in total. */
export interface Timeouts {
  readonly connectMs: number
  /** Until the first byte of an answer to a small request. */
  readonly headersMs: number
  /** Between two chunks of a body, either way. */
  readonly stallMs: number
  /** From the last byte of an upload to its answer: registries on object stores copy the blob first. */
  readonly commitMs: number
}

export interface Pause { readonly registry: string; readonly ms: number; readonly status: number }

export interface RegistryOptions {
  /** `host[:port]`, as the user wrote it. */
  readonly registry: string
  /** Default true. False: TLS unverified, and plain HTTP where TLS does not answer. True never speaks plain HTTP. */
  readonly tlsVerify?: boolean
  readonly tls?: {
    readonly ca?: ReadonlyArray<string | Buffer>
    readonly cert?: string | Buffer
    readonly key?: string | Buffer
  }
  /** Asked when the registry wants to know, once per repository. */
  readonly credentials?: Credentials | ((repository?: string) => Promise<Credentials | undefined>)
  /**
   * The most requests at once while reading, and the most while writing: small ones get a third of it and blobs the rest, each at
   * least one, so that 1 can still be 2. Default: up to 256 small ones, 256 reads and 256 writes. Fewer until the registry proves to take more.
   */
  readonly concurrency?: number
  /** Shared by everyone who holds it; every byte of a blob that is read is paid for. */
  readonly bandwidth?: Bandwidth
  readonly userAgent?: string
  readonly timeouts?: Partial<Timeouts>
  readonly retries?: Partial<Backoff & { readonly attempts: number }>
  /** Proxies by scheme, and the hosts that need none: the values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly proxy?: { readonly http?: string; readonly https?: string; readonly no?: string }
  /** Hears of every pause that the host asks for, with the wait that it asked for: what other processes should know. */
  readonly onPause?: (pause: Pause) => void
}

/** S3 holds a multipart commit for minutes; a lost peer is noticed sooner by its body. */
export const defaultTimeouts: Timeouts = { connectMs: 15_000, headersMs: 60_000, stallMs: 60_000, commitMs: 300_000 }
/** What the requests say who they are from. */
export const defaultUserAgent = 'longshore/0.1'
export const defaultRetries = { attempts: 5, baseMs: 250, capMs: 15_000 } as const
