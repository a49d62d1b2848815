// A spec that was edited on the way may name other images, but not other places for those that were moved: they would stay under their former names.
import { type Destination, type Entry, type Migration, nameRepository, settingsOf } from '@longshore/spec'

/** An image that both specs speak of, and that the later one puts elsewhere, in words; `undefined`: there is none. Another place besides, or one fewer, is no move. */
export function changedPlace(before: Migration, next: Migration): string | undefined {
  const now = placesOf(next)
  for (const [what, former] of placesOf(before)) {
    const later = now.get(what)
    const gone = [...former].find(([key]) => later?.has(key) === false)
    const come = later && [...later].find(([key]) => !former.has(key))
    if (!gone || !come) continue
    return gone[1] === come[1] ? `${what} would get other names below ${come[1]} than it has got so far` : `${what} was moved to ${gone[1]} so far, and would be moved to ${come[1]}`
  }
  return undefined
}

/** By what is moved: the places in words, by what tells them apart. */
function placesOf(migration: Migration): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const all = new Map<string, Map<string, string>>()
  for (const entry of migration.entries) {
    for (const destination of entry.destinations) {
      const place = placeOf(entry, destination, migration.destinations)
      if (!place) continue
      const what = whatOf(entry, destination)
      const places = all.get(what) ?? new Map<string, string>()
      all.set(what, places.set(...place))
    }
  }
  return all
}

/** Tags that have a place each are each their own. What is left out of a catalog does not tell it from what it was. */
function whatOf({ source, selection }: Entry, destination: Destination): string {
  if (source.kind === 'catalog') {
    const of = source.include.map((pattern) => (pattern.kind === 'glob' ? pattern.glob : `/${pattern.source}/${pattern.flags}`))
    return `${source.registry}/${source.prefix === '' ? '' : `${source.prefix}/`}${of.length === 0 ? '**' : of.join(',')}`
  }
  const tags = destination.kind === 'exact' && destination.reference !== undefined ? `:${selection.references.map(({ reference }) => reference).join(',')}` : ''
  return `${source.registry}/${source.path}${tags}`
}

function placeOf({ source }: Entry, destination: Destination, settings: Migration['destinations']): readonly [key: string, text: string] | undefined {
  if (source.kind === 'repository' || destination.kind === 'exact') {
    // A name that the rules spoil is no place; the pass says so.
    try {
      const text = `${destination.registry}/${nameRepository(destination, source.kind === 'repository' ? source.path : '', settings)}${destination.kind === 'exact' && destination.reference !== undefined ? `:${destination.reference}` : ''}`
      return [text, text]
    } catch { return undefined }
  }
  const { namespaces = {}, defaultProject, nesting = 'keep' } = settingsOf(settings, destination.registry).harbor ?? {}
  return [JSON.stringify([destination, namespaces, defaultProject, nesting]), [destination.registry, destination.prefix].filter((part) => part !== '').join('/')]
}
