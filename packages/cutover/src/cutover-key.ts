import { createHash } from 'node:crypto'
import type { Migration } from '@longshore/spec'

/** What makes two specs the same cutover: the images and where they go; neither the lines they stand at nor what `cutover:` says. */
export function cutoverKey({ entries, destinations = {} }: Migration): string {
  return createHash('sha256').update(JSON.stringify([entries.map(({ source, selection, destinations: to, content }) => [source, selection, to, content]), destinations])).digest('hex')
}
