import { createHash, randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Writes what docker-registry would have written: distribution v2.8 registry/storage/paths.go. Faster than asking it. */
export class StorageTree {
  readonly #root: string
  readonly #made = new Set<string>()

  constructor(root: string) { this.#root = join(root, 'docker/registry/v2') }

  /** Stores content under its digest. */
  blob(chunks: Iterable<Buffer>): { digest: string; size: number } {
    const hash = createHash('sha256')
    const path = join(this.#root, 'incoming', randomBytes(8).toString('hex'))
    this.#folder(dirname(path))
    const file = openSync(path, 'w')
    let size = 0
    for (const chunk of chunks) {
      hash.update(chunk)
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at)
      size += chunk.length
    }
    closeSync(file)
    const hex = hash.digest('hex')
    const folder = join(this.#root, 'blobs/sha256', hex.slice(0, 2), hex)
    this.#folder(folder)
    renameSync(path, join(folder, 'data'))
    return { digest: `sha256:${hex}`, size }
  }

  layer(repository: string, digest: string): void { this.#link(`${repository}/_layers/sha256/${hexOf(digest)}`, digest) }

  revision(repository: string, digest: string): void { this.#link(`${repository}/_manifests/revisions/sha256/${hexOf(digest)}`, digest) }

  tag(repository: string, tag: string, digest: string): void {
    this.#link(`${repository}/_manifests/tags/${tag}/current`, digest)
    this.#link(`${repository}/_manifests/tags/${tag}/index/sha256/${hexOf(digest)}`, digest)
  }

  #link(folder: string, digest: string): void {
    const path = join(this.#root, 'repositories', folder)
    if (this.#made.has(path)) return
    this.#folder(path)
    writeFileSync(join(path, 'link'), digest)
  }

  #folder(path: string): void {
    if (this.#made.has(path)) return
    mkdirSync(path, { recursive: true })
    this.#made.add(path)
  }
}

function hexOf(digest: string): string { return digest.slice('sha256:'.length) }
