// `harbor:` and `onMissingRepository:` of the native YAML: how destinations are made ready.
import { parseRegistry } from '@longshore/oci'
import { z } from 'zod'
import { parseByteSize } from './byte-size.ts'
import { checked } from './checked.ts'
import type { DestinationSettings, HarborSettings, ProjectSettings } from './cutover-plan.ts'
import { anyRegistry } from './destination-settings.ts'
import { projectNameFault } from './harbor-name.ts'
import { checkHook, hookOf, hookSchema } from './hook-schema.ts'

const registry = checked(parseRegistry, 'HOST[:PORT]')
const path = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const unlimited = 'unlimited'

function checkProject(text: string): void {
  const fault = projectNameFault(text)
  if (fault !== undefined) throw new SyntaxError(fault)
}

function checkTarget(text: string): void {
  const slash = text.indexOf('/')
  checkProject(slash < 0 ? text : text.slice(0, slash))
  if (!path.test(text)) throw new SyntaxError(`"${text}" is no place in a Harbor: write PROJECT or PROJECT/PATH`)
}

function checkNamespace(text: string): void {
  if (!path.test(text)) throw new SyntaxError(`"${text}" is no namespace: write the components in front of the last one, such as library or team/backend`)
}

/** Zod tells of a bad key only that it is bad. */
function checkKeys(check: (key: string) => unknown): z.core.CheckFn<Readonly<Record<string, unknown>>> {
  return (context) => {
    for (const key of Object.keys(context.value)) {
      try { check(key) } catch (error) { context.issues.push({ code: 'custom', path: [key], message: (error as Error).message, input: context.value }) }
    }
  }
}

const project = z.strictObject({
  public: z.boolean().optional().describe('Everybody may pull (default false)'),
  quota: checked((text) => { if (text !== unlimited) parseByteSize(text) }, 'A size such as 50GiB, or "unlimited"; Harbor\'s default where absent').optional(),
  autoScan: z.boolean().optional().describe('Scan what is pushed'),
  autoSbom: z.boolean().optional().describe('Make an SBOM of what is pushed (Harbor 2.11)'),
  preventVulnerable: z.enum(['none', 'low', 'medium', 'high', 'critical']).optional().describe('What has findings of this severity or above cannot be pulled'),
})

const harbor = z.strictObject({
  createProjects: z.boolean().optional().describe('Make the projects that are missing (default false: say so, and move nothing)'),
  project: project.optional().describe('What projects are made with'),
  projects: z.record(z.string(), project).check(checkKeys(checkProject)).optional().describe('By project, over "project"'),
  namespaces: z.record(z.string(), checked(checkTarget, 'PROJECT[/PATH]')).check(checkKeys(checkNamespace)).optional().describe('Source namespace to project: { library: base }; the longest counts'),
  defaultProject: checked(checkTarget, 'PROJECT[/PATH]').optional().describe('For images without a namespace'),
  nesting: z.enum(['keep', 'join', 'last']).optional().describe('What becomes of team/app/web within its project: app/web (keep, the default), app-web (join) or web (last)'),
})

export const harborSchema = z.record(z.string(), harbor).check(checkKeys(parseRegistry)).describe('Destinations that are Harbors, by HOST[:PORT]')

const missingHook = z.strictObject({
  ...hookSchema.shape,
  registry: z.union([registry, z.array(registry).min(1)]).optional().describe('For these destinations only'),
}).check(checkHook)

export const onMissingRepositorySchema = z.union([missingHook, z.array(missingHook).min(1)]).describe('Called for each destination repository that does not exist, before anything moves there')

type NativeProject = z.infer<typeof project>

/** By registry; `*` for all that are not named. */
export function destinationsOf(harbors: z.infer<typeof harborSchema> | undefined, hooks: z.infer<typeof onMissingRepositorySchema> | undefined): Readonly<Record<string, DestinationSettings>> {
  const settings: Record<string, DestinationSettings> = {}
  for (const [host, one] of Object.entries(harbors ?? {})) settings[host] = { harbor: harborOf(one) }
  for (const { registry: only = anyRegistry, ...hook } of hooks === undefined ? [] : [hooks].flat()) {
    for (const host of [only].flat()) settings[host] = { ...settings[host], onMissingRepository: hookOf(hook) }
  }
  return settings
}

function harborOf({ createProjects = false, project: all = {}, projects = {}, namespaces = {}, defaultProject, nesting = 'keep' }: z.infer<typeof harbor>): HarborSettings {
  return {
    createProjects, project: { public: false, ...projectOf(all) }, projects: Object.fromEntries(Object.entries(projects).map(([name, one]) => [name, projectOf(one)])),
    namespaces, nesting, ...(defaultProject === undefined ? {} : { defaultProject }),
  }
}

function projectOf({ public: isPublic, quota, autoScan, autoSbom, preventVulnerable }: NativeProject): Partial<ProjectSettings> {
  return {
    ...(isPublic === undefined ? {} : { public: isPublic }), ...(quota === undefined ? {} : { quota: quota === unlimited ? -1 : parseByteSize(quota) }),
    ...(autoScan === undefined ? {} : { autoScan }), ...(autoSbom === undefined ? {} : { autoSbom }), ...(preventVulnerable === undefined ? {} : { preventVulnerable }),
  }
}
