// Settings of destinations, from all the specs of a run: put together, and checked against what goes there.
import { isDeepStrictEqual } from 'node:util'
import type { DestinationSettings } from './cutover-plan.ts'
import { anyRegistry } from './destination-settings.ts'
import { HarborNameError } from './harbor-name.ts'
import { type Migration, registriesOf } from './migration.ts'
import { nameRepository } from './naming.ts'
import { PatternTooSlowError } from './pattern-watch.ts'
import type { Problem } from './spec-error.ts'

type Destinations = NonNullable<Migration['destinations']>

/** The settings of several files, by file. Two that say different things of one registry are a problem. */
export function uniteDestinations(files: ReadonlyArray<{ readonly file: string; readonly destinations: Destinations }>): { readonly destinations: Destinations; readonly problems: readonly Problem[] } {
  const united: Record<string, DestinationSettings> = {}
  const saidIn = new Map<string, string>()
  const problems: Problem[] = []
  for (const { file, destinations } of files) {
    for (const [registry, settings] of Object.entries(destinations)) {
      for (const key of ['harbor', 'onMissingRepository'] as const) {
        if (settings[key] === undefined) continue
        const former = united[registry]?.[key]
        const what = `${key}${registry === anyRegistry ? '' : ` for ${registry}`}`
        if (former !== undefined && !isDeepStrictEqual(former, settings[key])) problems.push({ file, message: `says another thing than ${saidIn.get(what) ?? ''} about ${what}; say it in one of them` })
        united[registry] = { ...united[registry], [key]: settings[key] }
        saidIn.set(what, file)
      }
    }
  }
  return { destinations: united, problems }
}

/** Names that a Harbor would refuse, as far as the spec itself tells them, and settings that concern nothing. */
export function checkDestinations(migration: Migration): { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] } {
  const { entries, destinations } = migration
  const problems = new Map<string, Problem>()
  for (const { source, destinations: places, origin } of entries) {
    if (source.kind !== 'repository') continue
    for (const place of places) {
      try { nameRepository(place, source.path, destinations) } catch (error) {
        // A name that the rules spoil fails alone, when its tags are listed.
        const isTooSlow = error instanceof PatternTooSlowError
        if (isTooSlow || error instanceof HarborNameError) problems.set(`${origin.file}:${origin.line} ${error.message}`, { file: origin.file, line: origin.line, message: error.message })
        if (isTooSlow) return { problems: [...problems.values()], warnings: [] }
      }
    }
  }
  const used = registriesOf(migration).destination
  const unused = Object.keys(destinations ?? {}).filter((registry) => registry !== anyRegistry && !used.has(registry))
  return { problems: [...problems.values()], warnings: entries.length === 0 ? [] : unused.map((registry): Problem => ({ file: 'the spec', message: `nothing goes to ${registry}, which it has settings for; is that the name under "to"?` })) }
}
