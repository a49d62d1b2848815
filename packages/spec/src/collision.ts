import { isDigest, MigrationError, printable } from '@longshore/oci'
import { formatEnd, type Image, imageId } from '@longshore/transfer'
import type { Origin } from './migration.ts'
import { isSelf } from './naming.ts'

export interface Placed { readonly image: Image; readonly origin: Origin }

const shown = 20

/** Images that would overwrite one another. Nothing was moved. */
export class CollisionError extends MigrationError {
  override readonly name = 'CollisionError'
  override readonly code = 'DESTINATION_COLLISION'
  readonly pairs: ReadonlyArray<readonly [Placed, Placed]>
  /** @param selves images that would be copied onto themselves, besides */
  constructor(pairs: ReadonlyArray<readonly [Placed, Placed]>, selves: readonly Placed[] = []) {
    super(lines([...pairs.map(([a, b]) => `${formatEnd(b.image.destination)}: both ${from(a)} and ${from(b)} would land there`), ...selves.map(ontoItself)],
      'give one of each pair another destination (a pair in the list, "as:", or a rename rule that keeps the paths apart), or leave one out'))
    this.pairs = pairs
  }
}

/** Images whose destination is their own source. Nothing was moved. */
export class SelfCopyError extends MigrationError {
  override readonly name = 'SelfCopyError'
  override readonly code = 'SOURCE_IS_DESTINATION'
  readonly images: readonly Placed[]
  constructor(images: readonly Placed[]) {
    super(lines(images.map(ontoItself),
      'give another registry or prefix as the destination (--to), or another name'))
    this.images = images
  }
}

/**
 * The images that are to be moved: one digest from two places is one content, so the second is left out.
 * @throws SelfCopyError, CollisionError
 */
export function checkPlaces(placed: Iterable<Placed>): ReadonlySet<Image> {
  const images = new Set<Image>()
  const pairs: Array<readonly [Placed, Placed]> = []
  const selves: Placed[] = []
  const byDestination = new Map<string, Placed>()
  for (const next of placed) {
    if (isSelf(next.image)) selves.push(next)
    const id = imageId(next.image)
    const former = byDestination.get(id)
    if (former) {
      if (!isDigest(next.image.destination.reference) && formatEnd(former.image.source) !== formatEnd(next.image.source)) pairs.push([former, next])
      continue
    }
    byDestination.set(id, next)
    images.add(next.image)
  }
  if (pairs.length > 0) throw new CollisionError(pairs, selves)
  if (selves.length > 0) throw new SelfCopyError(selves)
  return images
}

function from(placed: Placed): string {
  const { file, line, object } = placed.origin
  return `${formatEnd(placed.image.source)} (${file}:${line}${object === undefined ? '' : `, ${object}`})`
}

function ontoItself(placed: Placed): string { return `${from(placed)} would be copied onto itself` }

function lines(all: readonly string[], advice: string): string {
  const more = all.length > shown ? [`and ${all.length - shown} more`] : []
  return [...all.slice(0, shown).map(printable), ...more, advice].join('\n')
}
