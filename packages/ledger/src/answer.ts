import type { RepositoryName } from '@longshore/oci'
import type { ImageId, Lease, NodeKey, Progress, SettledImage } from '@longshore/transfer'
import { decodeSettled } from './image-codec.ts'
import { decodeNode } from './node-codec.ts'

/** The flat answer of a script, read from its beginning. */
export class Answer {
  readonly #values: ReadonlyArray<string | number>
  #at = 0

  constructor(values: ReadonlyArray<string | number>) { this.#values = values }

  get isOver(): boolean { return this.#at >= this.#values.length }
  text(): string { return String(this.#values[this.#at++] ?? '') }
  number(): number { return Number(this.#values[this.#at++] ?? 0) }

  progress(worker: string): Progress {
    const ready = this.#list(() => this.text() as NodeKey)
    const nowMs = performance.now()
    const taken = this.#list(() => this.lease(worker, nowMs))
    const settled = this.#list((): SettledImage => decodeSettled(this.text() as ImageId, this.text(), this.text(), this.text()))
    return { ready, taken, settled }
  }

  lease(worker: string, nowMs: number): Lease {
    const key = this.text() as NodeKey
    const fence = this.number()
    const replans = this.number()
    const again = this.number() === 1
    const ageMs = this.number()
    const holders = this.text()
    const node = decodeNode({ key, ageMs, links: this.text(), body: this.text() }, nowMs)
    return { key, node, worker, fence, holders: holders === '' ? [] : holders.split('\n') as RepositoryName[], replans, again }
  }

  #list<T>(read: () => T): readonly T[] { return Array.from({ length: this.number() }, read) }
}
