// What Harbor takes as a name, and how paths become names there: the first component is the project, the rest the repository.
// github.com/goharbor/harbor v2.12: src/pkg/project/manager.go (names of projects), make/migrations (255 characters for a repository with its project).
import { MigrationError, printable } from '@longshore/oci'
import type { HarborSettings } from './cutover-plan.ts'
import { joinPath } from './place.ts'

const projectName = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/
const maxNameLength = 255

/** The rules of the spec make a name that no Harbor takes. */
export class HarborNameError extends MigrationError {
  override readonly name = 'HarborNameError'
  override readonly code = 'HARBOR_NAME_INVALID'
  constructor(registry: string, repository: string, why: string) { super(printable(`${registry}/${repository}: ${why}`)) }
}

/** What is wrong with the name of a project, and `undefined` where it is well. */
export function projectNameFault(name: string): string | undefined {
  if (name.length > maxNameLength) return `a Harbor project's name has ${maxNameLength} characters at most`
  return projectName.test(name) ? undefined : `"${name}" is no name of a Harbor project: small letters and digits, with single ".", "_" or "-" between them`
}

/** What a Harbor has against a repository's full name, with a rule that would help; `undefined` where it is well. */
export function harborNameFault(registry: string, repository: string): string | undefined {
  const slash = repository.indexOf('/')
  if (slash < 0) return `it has no project, and every repository of a Harbor is in one: write "to: ${registry}/PROJECT", or harbor: { ${registry}: { defaultProject: library } }`
  const project = repository.slice(0, slash)
  const fault = projectNameFault(project)
  if (fault !== undefined) return `${fault}; give it another: harbor: { ${registry}: { namespaces: { "${project}": ${suggest(project)} } } }`
  if (repository.length > maxNameLength) return `it has ${repository.length} characters, and Harbor takes ${maxNameLength} with the project: harbor: { ${registry}: { nesting: last } } keeps the last part of it, "flatten" and "rename" others`
  return undefined
}

/** The project of a repository's full name. */
export function projectOf(repository: string): string {
  const slash = repository.indexOf('/')
  return slash < 0 ? repository : repository.slice(0, slash)
}

/** Whether the settings change names, so that two paths may meet in one. */
export function changesNames({ namespaces, defaultProject, nesting }: HarborSettings): boolean {
  return Object.keys(namespaces).length > 0 || defaultProject !== undefined || nesting !== 'keep'
}

/**
 * A path's full name in this Harbor. Below a prefix the prefix says the project; without one the longest namespace that the path
 * begins with, or the path itself, or `defaultProject` for what has no namespace. @throws HarborNameError
 */
export function nameInHarbor(registry: string, prefix: string, path: string, { namespaces, defaultProject, nesting }: HarborSettings): string {
  const [base, rest] = prefix === '' ? splitPath(path, namespaces, defaultProject) : [prefix, path]
  const name = joinPath(base, nested(rest, nesting))
  const fault = harborNameFault(registry, name)
  if (fault !== undefined) throw new HarborNameError(registry, name, fault)
  return name
}

function splitPath(path: string, namespaces: HarborSettings['namespaces'], defaultProject: string | undefined): readonly [string, string] {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const place = Object.hasOwn(namespaces, path.slice(0, end)) ? namespaces[path.slice(0, end)] : undefined
    if (place !== undefined) return [place, path.slice(end + 1)]
  }
  const slash = path.indexOf('/')
  return slash < 0 ? [defaultProject ?? '', path] : [path.slice(0, slash), path.slice(slash + 1)]
}

function nested(path: string, nesting: HarborSettings['nesting']): string {
  switch (nesting) {
    case 'keep': return path
    case 'join': return path.replaceAll('/', '-')
    case 'last': return path.slice(path.lastIndexOf('/') + 1)
  }
}

function suggest(project: string): string {
  return project.replace(/[._-]+/g, '-').replace(/^-|-$/g, '').slice(0, maxNameLength) || 'PROJECT'
}
