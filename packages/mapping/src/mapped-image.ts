// Pairs of names, and what they have in common.
import { isDigest, joinReference, type RepositoryName, type Tag } from '@longshore/oci'
import type { Image } from '@longshore/transfer'

/** One image under its old and its new name. */
export interface MappedImage extends Image {
  /** What it is called at the source, where it was read by digest. */
  readonly tag?: Tag
}

/** A repository and the name that it has at the new place. */
export interface MappedRepository {
  readonly old: { readonly registry: string; readonly repository: RepositoryName }
  readonly new: { readonly registry: string; readonly repository: RepositoryName }
  readonly images: readonly MappedImage[]
}

/** An image that a form of mapping cannot express, and why not. */
export interface Exception { readonly old: string; readonly new: string; readonly why: string }

/** As clusters name it: by tag, by digest where it has none. */
export function oldName({ source, destination, tag }: MappedImage): string {
  // A tag that a digest was given is the tag that it had, where nothing else is known.
  const known = tag ?? (isDigest(source.reference) && !isDigest(destination.reference) ? destination.reference : undefined)
  return `${source.registry}/${joinReference(source.repository, known ?? source.reference)}`
}

export function newName({ destination }: MappedImage): string { return `${destination.registry}/${joinReference(destination.repository, destination.reference)}` }

/** Whether tags and digests are at the destination what they were: a mirror can change nothing but the repository. */
export function keepsReference(image: MappedImage): boolean {
  const { source, destination, tag } = image
  return destination.reference === (tag ?? source.reference) || (isDigest(source.reference) && tag === undefined)
}

/**
 * Repositories in the order of their old names, each at the first place that it goes to: what clusters are told is one name. Images that go
 * elsewhere, under another tag or into another repository than most of their own, are exceptions.
 */
export function repositoriesOf(images: readonly MappedImage[]): { readonly repositories: readonly MappedRepository[]; readonly exceptions: readonly Exception[] } {
  const exceptions: Exception[] = []
  const repositories = [...Map.groupBy(images, ({ source }) => `${source.registry}/${source.repository}`)].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, group]) => {
    const places = Map.groupBy(group, ({ destination }) => `${destination.registry}/${destination.repository}`)
    const [most] = [...places.values()].toSorted((a, b) => b.length - a.length)
    const [first] = most ?? []
    if (!first || !most) return []
    const names = new Set(most.map(oldName))
    for (const image of group) {
      // A second destination for the same name is a copy, not a contradiction.
      if (!most.includes(image) && !names.has(oldName(image))) exceptions.push({ old: oldName(image), new: newName(image), why: `most of its repository goes to ${first.destination.registry}/${first.destination.repository}` })
    }
    return [{ old: first.source, new: first.destination, images: most }]
  })
  return { repositories, exceptions }
}

/** The path that stands in front of the old repository in the new one; undefined where the name was changed otherwise. */
export function prefixOf({ old, new: now }: MappedRepository): string | undefined {
  if (now.repository === old.repository) return ''
  return now.repository.endsWith(`/${old.repository}`) ? now.repository.slice(0, -old.repository.length - 1) : undefined
}

/** Images whose tag is another one at the new place. */
export function renamedTags(repositories: readonly MappedRepository[]): readonly Exception[] {
  return repositories.flatMap(({ images }) => images.filter((image) => !keepsReference(image)).map((image) => ({ old: oldName(image), new: newName(image), why: 'its tag is another one there' })))
}
