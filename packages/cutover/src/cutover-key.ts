import { createHash } from 'node:crypto'
import { type Migration, registriesOf } from '@longshore/spec'

/** What makes two specs the same cutover: the images and where they go; neither the lines they stand at nor what `cutover:` says. */
export function cutoverKey({ entries, destinations = {} }: Migration): string {
  return createHash('sha256').update(JSON.stringify([entries.map(({ source, selection, destinations: to, content }) => [source, selection, to, content]), destinations])).digest('hex')
}

/** Whether two specs move between the same registries, though perhaps other images. */
export function isBetweenSame(one: Migration, other: Migration): boolean {
  const [a, b] = [registriesOf(one), registriesOf(other)]
  return a.source.symmetricDifference(b.source).size === 0 && a.destination.symmetricDifference(b.destination).size === 0
}
