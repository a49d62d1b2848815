import { ConnectionError, CopyError, DigestMismatchError, isForeign, RegistryError, type RepositoryName, SizeMismatchError } from '@longshore/oci'
import type { Transports } from './context.ts'
import type { BlobNode } from './node.ts'
import type { Content, Opener, Source } from './transport.ts'
import { Verifier } from './verified.ts'

interface Origin { readonly source: Source; readonly repository: RepositoryName; readonly url?: string }

/**
 * Opens a blob wherever it can be read: from a repository of the destination that holds it (it is asked for only when a
 * mount was refused, and spares the source a second reading), then from each source repository that lists it, and a foreign layer at last from its own URLs. When one
 * refuses, or breaks for good, the next goes on at the same byte. What comes out is verified.
 */
export function readBlob(node: BlobNode, holders: readonly RepositoryName[], transports: Transports, signal: AbortSignal): Opener {
  const { desc } = node
  const origins: readonly Origin[] = [
    ...holders.slice(0, 1).map((repository) => ({ source: transports.target(node.registry), repository })),
    ...node.from.map(({ registry, repository }) => ({ source: transports.source(registry), repository })),
    ...(isForeign(desc) ? desc.urls ?? [] : []).flatMap((url) => node.from.slice(0, 1).map(({ registry, repository }) => ({ source: transports.source(registry), repository, url }))),
  ]
  const [first] = node.from
  const verifier = new Verifier(desc, `blob ${desc.digest} of ${first?.registry ?? ''}/${first?.repository ?? ''}`)
  return async (offset) => {
    const reading = new Reading(node, origins, signal)
    await reading.open(offset)
    return {
      get file() { return offset === 0 ? reading.file : undefined },
      [Symbol.asyncIterator]: () => blamed(verifier.check(reading, offset), node),
      [Symbol.asyncDispose]: () => reading[Symbol.asyncDispose](),
    }
  }
}

/** Bytes that lie are the source's doing, although it is the push that stumbles over them. */
async function* blamed(bytes: AsyncIterable<Uint8Array>, { desc }: BlobNode): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    throw error instanceof DigestMismatchError || error instanceof SizeMismatchError ? new CopyError('source', 'fetch', desc, error) : error
  }
}

/** The bytes of one attempt, from whichever origin serves them. */
class Reading implements Content {
  readonly #node: BlobNode
  readonly #origins: readonly Origin[]
  readonly #signal: AbortSignal
  #next = 0
  #content: Content | undefined
  #position = 0
  /** Where in the blob the content that is being read begins. */
  #openedAt = 0

  constructor(node: BlobNode, origins: readonly Origin[], signal: AbortSignal) {
    this.#node = node
    this.#origins = origins
    this.#signal = signal
  }

  /** Of the origin that has served all of it so far. */
  get file(): string | undefined { return this.#openedAt === 0 ? this.#content?.file : undefined }

  /** @throws CopyError the last origin's refusal */
  async open(offset: number): Promise<void> {
    this.#position = offset
    await this.#openNext(undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.#content) {
      try {
        for await (const chunk of this.#content) {
          this.#position += chunk.byteLength
          yield chunk
        }
        return
      } catch (error) {
        if (this.#signal.aborted) throw this.#signal.reason
        if (error instanceof DigestMismatchError || error instanceof SizeMismatchError) throw error
        await this.#content[Symbol.asyncDispose]()
        await this.#openNext(error)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#content?.[Symbol.asyncDispose]()
  }

  async #openNext(failure: unknown): Promise<void> {
    this.#content = undefined
    let last = failure
    if (isTrouble(failure)) this.#skip()
    for (let origin = this.#origins[this.#next++]; origin; origin = this.#origins[this.#next++]) {
      try {
        this.#openedAt = this.#position
        this.#content = await origin.source.blob(origin.repository, this.#node.desc, {
          signal: this.#signal, offset: this.#position, ...(origin.url === undefined ? {} : { url: origin.url }),
        })
        return
      } catch (error) {
        if (this.#signal.aborted) throw this.#signal.reason
        last = error
        if (isTrouble(error)) this.#skip()
      }
    }
    throw new CopyError('source', 'fetch', this.#node.desc, last)
  }

  /** Passes over the other repositories of a registry that is in trouble. */
  #skip(): void {
    const { registry } = this.#origins[this.#next - 1]?.source ?? {}
    while (this.#next < this.#origins.length && this.#origins[this.#next]?.source.registry === registry) this.#next++
  }
}

/** Not this repository's refusal, but the registry's state: its other repositories would answer no better. */
function isTrouble(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof RegistryError && (error.status === 429 || error.status >= 500))
}
