import type { DestinationSettings, HarborSettings, ProjectSettings } from './cutover-plan.ts'
import type { Migration } from './migration.ts'

type Destinations = NonNullable<Migration['destinations']>

/** In place of a registry: all that are not named. */
export const anyRegistry = '*'

export function settingsOf(destinations: Destinations | undefined, registry: string): DestinationSettings {
  return { ...own(destinations, anyRegistry), ...own(destinations, registry) }
}

/** What a project of this Harbor is made with. */
export function projectSettings({ project, projects }: HarborSettings, name: string): ProjectSettings {
  return { ...project, ...(Object.hasOwn(projects, name) ? projects[name] : undefined) }
}

/** Whether the spec has anything of the user's called: a command, or an address. */
export function hasHooks({ destinations, cutover }: Pick<Migration, 'destinations' | 'cutover'>): boolean {
  const { hook, thaw } = cutover?.freeze ?? {}
  return hook !== undefined || thaw !== undefined || Object.values(destinations ?? {}).some(({ onMissingRepository }) => onMissingRepository !== undefined)
}

/** Whether something has to be done at destinations before images move there. */
export function needsPreparation({ destinations }: Pick<Migration, 'destinations'>): boolean {
  return Object.values(destinations ?? {}).some(({ harbor, onMissingRepository }) => harbor !== undefined || onMissingRepository !== undefined)
}

function own(destinations: Destinations | undefined, registry: string): DestinationSettings | undefined {
  return destinations !== undefined && Object.hasOwn(destinations, registry) ? destinations[registry] : undefined
}
