// Settings of destinations as the native YAML writes them: the way back from harbor-schema.ts.
import { formatByteSize } from './byte-size.ts'
import type { DestinationSettings, HarborSettings, ProjectSettings } from './cutover-plan.ts'
import { anyRegistry } from './destination-settings.ts'
import type { Migration } from './migration.ts'
import { printHook } from './print-cutover.ts'

type Item = Record<string, unknown>

export function printDestinations(destinations: Migration['destinations']): Item {
  const all = Object.entries(destinations ?? {})
  const harbors = all.filter((one): one is [string, DestinationSettings & { readonly harbor: HarborSettings }] => one[1].harbor !== undefined)
  const hooks = all.flatMap(([registry, { onMissingRepository }]) => (onMissingRepository ? [{ ...(registry === anyRegistry ? {} : { registry }), ...printHook(onMissingRepository) }] : []))
  return {
    ...(harbors.length === 0 ? {} : { harbor: Object.fromEntries(harbors.map(([registry, { harbor }]) => [registry, printHarbor(harbor)])) }),
    ...(hooks.length === 0 ? {} : { onMissingRepository: hooks }),
  }
}

function printHarbor({ createProjects, project, projects, namespaces, defaultProject, nesting }: HarborSettings): Item {
  return {
    createProjects, project: printProject(project), ...(Object.keys(projects).length === 0 ? {} : { projects: Object.fromEntries(Object.entries(projects).map(([name, one]) => [name, printProject(one)])) }),
    ...(Object.keys(namespaces).length === 0 ? {} : { namespaces }), ...(defaultProject === undefined ? {} : { defaultProject }), ...(nesting === 'keep' ? {} : { nesting }),
  }
}

function printProject({ quota, ...settings }: Partial<ProjectSettings>): Item {
  return { ...settings, ...(quota === undefined ? {} : { quota: quota < 0 ? 'unlimited' : formatByteSize(quota) }) }
}
