// Tags that look like a companion's and are none. Mirrors tag what was asked for by digest `sha256-<hex>`, after the manifest itself; and a
// companion whose manifest is gone travels with nothing. Both would be left behind: so each manifest that a companion is about is asked for.
import { workStream } from '@longshore/concurrency'
import { companionSubject, type Digest, MediaType, referrersTag, type RepositoryName, type Tag } from '@longshore/oci'
import type { Io, Source } from '@longshore/transfer'

/** A HEAD for each manifest that a tag says it is about, and one for each fallback tag. @throws what `Source.resolve` throws */
export async function standaloneTags(source: Source, repository: RepositoryName, tags: readonly Tag[], limit: number, io: Io): Promise<ReadonlySet<Tag>> {
  const bySubject = new Map<Digest, Tag[]>()
  for (const tag of tags) {
    const subject = companionSubject(tag)
    if (subject === undefined) continue
    const about = bySubject.get(subject)
    if (about) about.push(tag)
    else bySubject.set(subject, [tag])
  }
  const items = async function* (): AsyncGenerator<[Digest, readonly Tag[]]> { yield* bySubject }
  const judge = async ([subject, about]: readonly [Digest, readonly Tag[]], signal: AbortSignal): Promise<readonly Tag[]> => {
    if (await source.resolve(repository, subject, { signal }) === undefined) return about
    const fallback = about.find((tag) => tag === referrersTag(subject))
    const named = fallback === undefined ? undefined : await source.resolve(repository, fallback, { signal })
    const isList = named?.mediaType === MediaType.ociIndex && named.digest !== subject
    return fallback === undefined || named === undefined || isList ? [] : [fallback]
  }
  const standalone = new Set<Tag>()
  for await (const found of workStream(io.signal, limit, items(), judge)) for (const tag of found) standalone.add(tag)
  return standalone
}
