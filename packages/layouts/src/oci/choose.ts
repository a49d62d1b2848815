// Which entry of index.json a reference means. The grammar is containers-transports(5): a name, `@N`, or nothing.
import { companionSubject, type Manifest } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { type Entry, nameOf } from './index-file.ts'

export interface Choice {
  readonly place: string
  /** Whether the place is a source: there, no reference means the only image. At a target it means the one without a name. */
  readonly readOnly: boolean
  readonly manifestOf: (entry: Entry) => Promise<Manifest | undefined>
}

/** @throws LayoutError LAYOUT_REFUSED when no reference was given and there are several images */
export async function chooseEntry(entries: readonly Entry[], reference: string, choice: Choice): Promise<Entry | undefined> {
  if (reference === '') return await onlyEntry(entries, choice)
  const named = entries.findLast((entry) => nameOf(entry) === reference)
  if (named) return named
  const number = /^@(\d{1,9})$/.exec(reference)?.[1]
  return number === undefined ? undefined : entries[Number(number)]
}

async function onlyEntry(entries: readonly Entry[], choice: Choice): Promise<Entry | undefined> {
  const [first] = entries
  if (entries.length === 1 && choice.readOnly) return first
  const images = await imagesOf(entries, choice)
  const wanted = choice.readOnly ? images : images.filter((entry) => nameOf(entry) === undefined)
  if (wanted.length <= 1 || !choice.readOnly) return wanted.at(-1)
  throw new LayoutError('LAYOUT_REFUSED', `${choice.place} holds ${wanted.length} images: name one of them (${listed(entries, wanted)})`)
}

/** Entries that are no signatures or other referrers. */
export async function imagesOf(entries: readonly Entry[], { manifestOf }: Pick<Choice, 'manifestOf'>): Promise<readonly Entry[]> {
  const images: Entry[] = []
  for (const entry of entries) {
    const name = nameOf(entry)
    if (name !== undefined && companionSubject(name) !== undefined) continue
    if (name === undefined && (await manifestOf(entry))?.subject !== undefined) continue
    images.push(entry)
  }
  return images
}

function listed(entries: readonly Entry[], wanted: readonly Entry[]): string {
  const names = wanted.slice(0, 20).map((entry) => `:${nameOf(entry) ?? `@${entries.indexOf(entry)}`}`)
  return names.join(', ') + (wanted.length > names.length ? ', …' : '')
}
