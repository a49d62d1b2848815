import type { PlanNode } from '@longshore/transfer'

/**
 * Which nodes are done. There is one per placement of the whole migration, so each may cost little: a blob is a number in
 * the set of its repository (some 20 bytes), and only manifests and tags keep their keys.
 */
export class FinishedNodes {
  readonly #numbers = new Map<string, number>()
  readonly #blobs = new Map<string, Set<number>>()
  readonly #others = new Set<string>()
  #size = 0

  get size(): number { return this.#size }

  has(node: PlanNode): boolean {
    if (node.kind !== 'blob') return this.#others.has(node.key)
    const number = this.#numbers.get(node.desc.digest)
    return number !== undefined && this.#blobs.get(`${node.registry}/${node.repository}`)?.has(number) === true
  }

  add(node: PlanNode): void {
    if (this.has(node)) return
    this.#size++
    if (node.kind !== 'blob') { this.#others.add(node.key); return }
    const { digest } = node.desc
    const number = this.#numbers.get(digest) ?? this.#numbers.size
    this.#numbers.set(digest, number)
    const repository = `${node.registry}/${node.repository}`
    const there = this.#blobs.get(repository)
    if (there) there.add(number)
    else this.#blobs.set(repository, new Set([number]))
  }

  delete(node: PlanNode): void {
    if (!this.has(node)) return
    this.#size--
    if (node.kind !== 'blob') this.#others.delete(node.key)
    else this.#blobs.get(`${node.registry}/${node.repository}`)?.delete(this.#numbers.get(node.desc.digest) ?? -1)
  }
}
