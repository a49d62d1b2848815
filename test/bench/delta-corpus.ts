// What a team's registry looks like to a delta pass: repositories with many tags each, whose images share most of their layers.
import { type Corpus, type CorpusEntry, image, layer, type SyntheticBlob } from '@longshore/testing'

export interface DeltaCorpusOptions { readonly repositories: number; readonly tags: number }

/** Five layers: three of a base that all repositories know, one of the repository, one of the image's own. Besides them each image has its config. */
export class DeltaCorpus {
  readonly #repositories: readonly string[]
  readonly #tags: number
  readonly #base = [40_000, 8_000, 2_000].map((size, i) => layer({ seed: `base ${i}`, size }))
  readonly #own: readonly SyntheticBlob[]

  /** @param options.tags in all repositories together */
  constructor({ repositories, tags }: DeltaCorpusOptions) {
    this.#repositories = Array.from({ length: repositories }, (_, i) => `team/app-${String(i).padStart(2, '0')}`)
    this.#tags = tags
    this.#own = this.#repositories.map((name) => layer({ seed: name, size: 4_000 }))
  }

  get repositories(): readonly string[] { return this.#repositories }

  get all(): Corpus { return Array.from({ length: this.#tags }, (_, i) => this.#entry(i, 'first')) }

  /** Builds that were pushed since: half of them move a tag, half are new tags. Their base is the same, their last layer and their config are new. */
  changed(count: number, round: string): Corpus {
    return Array.from({ length: count }, (_, i) => {
      const entry = this.#entry((i * 7) % this.#tags, round)
      return i % 2 === 0 ? entry : { ...entry, tag: `${entry.tag}-${round}` }
    })
  }

  #entry(i: number, round: string): CorpusEntry & { readonly tag: string } {
    const at = i % this.#repositories.length
    const repository = this.#repositories[at] ?? ''
    const tag = `1.${Math.floor(i / this.#repositories.length)}`
    return { repository, tag, content: image({ seed: `${repository} ${tag} ${round}`, layers: [...this.#base, this.#own[at] ?? 4_000, 1_500] }) }
  }
}
