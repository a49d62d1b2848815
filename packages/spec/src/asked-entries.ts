// What objects asked for becomes the entries of a migration: each image once, read by a digest where one is known.
import type { Digest } from '@longshore/oci'
import { type Asker, originOf } from '@longshore/transfer'
import type { AskedImage } from './kubernetes.ts'
import { keepPath, type ListContext } from './images-list.ts'
import type { Entry, Requested } from './migration.ts'
import { dockerHub, joinPath, repositoryAt } from './place.ts'
import { type Problem, SpecError } from './spec-error.ts'

interface Group { readonly registry: string; readonly path: AskedImage['path']; readonly images: AskedImage[] }
interface Chosen { readonly requested: Requested; readonly askers: readonly Asker[] }

/** @throws SpecError when there is no destination, or a name does not fit where it is read from */
export function entriesOf(asked: readonly AskedImage[], context: ListContext): { readonly entries: readonly Entry[]; readonly warnings: readonly Problem[] } {
  const groups = new Map<string, Group>()
  for (const image of asked) {
    const key = `${image.registry}/${image.path}`
    const group = groups.get(key)
    if (group) group.images.push(image)
    else groups.set(key, { registry: image.registry, path: image.path, images: [image] })
  }
  const [first] = asked
  if (first && context.to.length === 0) throw new SpecError([{ ...placeOf(first.asker), message: 'what clusters run has no destination registry: give --to HOST[/PREFIX]' }])
  const warnings: Problem[] = []
  const entries = [...groups.values()].flatMap((group): readonly Entry[] => choose(group, warnings).map(({ requested, askers: [one, ...others] }) => ({
    source: sourceOf(group, context), selection: { kind: 'references', references: [requested] }, destinations: keepPath(context.to), content: context.content,
    origin: originOf([one ?? { file: '', line: 1 }, ...others]),
  })))
  return { entries, warnings }
}

/** `--from` stands in the place of docker.io, written or not; of all registries, where it mirrors them. */
function sourceOf({ registry, path }: Group, { from, fromForAll }: ListContext): Extract<Entry['source'], { kind: 'repository' }> {
  const isBelow = registry === from.registry && path.startsWith(joinPath(from.prefix, ''))
  const place = registry === dockerHub.registry || (fromForAll && !isBelow) ? from : { registry, prefix: '' }
  return { kind: 'repository', registry: place.registry, repository: repositoryAt(place, path), path }
}

/** The images of one repository. */
function choose({ registry, path, images }: Group, warnings: Problem[]): readonly Chosen[] {
  const chosen: Chosen[] = []
  const alone = new Map<Digest, AskedImage[]>()
  const leave = (digest: Digest, image: AskedImage): void => { alone.set(digest, [...alone.get(digest) ?? [], image]) }
  for (const image of images) if (image.tag === undefined && image.digest !== undefined) leave(image.digest, image)
  const tagged = images.filter(({ tag }) => tag !== undefined)
  for (const [tag, group] of Map.groupBy(tagged, (image) => image.tag)) {
    if (tag === undefined) continue
    const { digest, others } = chooseDigest(group)
    for (const one of others) leave(one.digest, one.image)
    const [other] = others
    const winner = group.find((image) => digest !== undefined && digestOf(image) === digest)
    if (other && winner) warnings.push(disagreement(`${registry}/${path}:${tag}`, winner, other.image))
    const taken = group.filter((image) => !others.some((one) => one.image === image))
    chosen.push({ requested: digest === undefined ? { reference: tag } : { reference: digest, tag }, askers: askersOf(taken) })
  }
  for (const [digest, group] of alone) {
    // With its tag it is there by its digest as well.
    const at = chosen.findIndex(({ requested }) => requested.reference === digest)
    const known = chosen[at]
    if (known) chosen[at] = { ...known, askers: [...known.askers, ...askersOf(group)] }
    else chosen.push({ requested: { reference: digest }, askers: askersOf(group) })
  }
  return chosen
}

/**
 * Which digest a tag stands for. What runs under it says so, of several the one that was started last, as that is what the tag has become;
 * where nothing runs, the digest that is written behind it, unless somebody asks for the tag alone. The other digests are carried without the tag.
 */
function chooseDigest(group: readonly AskedImage[]): { readonly digest?: Digest; readonly others: ReadonlyArray<{ readonly digest: Digest; readonly image: AskedImage }> } {
  const [latest] = group.filter(({ running }) => running !== undefined).toSorted((a, b) => (b.running?.sinceMs ?? 0) - (a.running?.sinceMs ?? 0))
  const isAskedAlone = group.some((image) => digestOf(image) === undefined)
  const digest = latest?.running?.digest ?? (isAskedAlone ? undefined : group[0]?.digest)
  const others = group.flatMap((image) => {
    const own = digestOf(image)
    return own === undefined || own === digest ? [] : [{ digest: own, image }]
  })
  return { ...(digest === undefined ? {} : { digest }), others }
}

function digestOf({ digest, running }: AskedImage): Digest | undefined { return digest ?? running?.digest }

function disagreement(name: string, winner: AskedImage, other: AskedImage): Problem {
  const of = (image: AskedImage): string => `${digestOf(image)} (${image.asker.object}, ${image.asker.file}:${image.asker.line})`
  const why = winner.running && other.running ? ', which was started later' : winner.running ? ', which runs' : ', which comes first'
  return { ...placeOf(other.asker), message: `${name} is two images: it stays the name of ${of(winner)}${why}; ${of(other)} is carried by its digest alone` }
}

function placeOf({ file, line }: Asker): { readonly file: string; readonly line: number } { return { file, line } }

/** An object that names an image in several containers asked once. */
function askersOf(images: readonly AskedImage[]): readonly Asker[] {
  const askers = new Map(images.map(({ asker }) => [`${asker.file} ${asker.object}`, asker]))
  return images.map(({ asker }) => asker).filter((asker) => {
    const key = `${asker.file} ${asker.object}`
    if (!askers.has(key)) return false
    askers.delete(key)
    return true
  })
}
