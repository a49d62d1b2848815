import type { Descriptor, Digest, Manifest, RepositoryName, Tag } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { LayoutError } from './errors.ts'
import type { Layout, LayoutSource } from './layout.ts'

/** A place that is opened when something is first asked of it, once for all who ask. It is given up with the place, not with one of them. */
export class LazyLayout implements Layout {
  readonly registry: string
  readonly #open: (signal: AbortSignal) => Promise<LayoutSource | Layout>
  readonly #stop = new AbortController()
  #opened: Promise<LayoutSource | Layout> | undefined

  constructor(registry: string, open: (signal: AbortSignal) => Promise<LayoutSource | Layout>) {
    this.registry = registry
    this.#open = open
  }

  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> { return await (await this.#source(io)).tags(repository, io) }
  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> { return await (await this.#source(io)).resolve(repository, reference, io) }
  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> { return await (await this.#source(io)).manifest(repository, reference, io) }
  async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> { return await (await this.#source(io)).exists(repository, desc, io) }
  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> { return await (await this.#source(options)).blob(repository, desc, options) }
  async referrers(repository: RepositoryName, subject: Digest, io: Io): Promise<readonly Descriptor[] | undefined> { return await (await this.#source(io)).referrers(repository, subject, io) }
  async *catalog(io: Io): AsyncIterable<string> { yield* (await this.#source(io)).catalog(io) }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    return await (await this.#target(options)).push(repository, desc, open, options)
  }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, io: Io): Promise<{ readonly subjectTaken: boolean }> {
    return await (await this.#target(io)).put(repository, manifest, reference, io)
  }

  async finish(): Promise<void> {
    const opened = await this.#opened
    if (opened && 'finish' in opened) await opened.finish()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new LayoutError('LAYOUT_REFUSED', `${this.registry} was closed`))
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.[Symbol.asyncDispose]()
  }

  async #source({ signal }: Io): Promise<LayoutSource | Layout> {
    signal.throwIfAborted()
    return await (this.#opened ??= this.#open(this.#stop.signal))
  }

  async #target(io: Io): Promise<Layout> {
    const opened = await this.#source(io)
    if ('put' in opened) return opened
    throw new LayoutError('LAYOUT_REFUSED', `${this.registry} was opened to be read`)
  }
}
