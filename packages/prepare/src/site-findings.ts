// What is wrong with a Harbor, or with a project of it, as a whole: before any image of it is thought of.
import { HarborError } from '@longshore/harbor'
import { ConnectionError, RegistryError, type RepositoryName } from '@longshore/oci'
import type { HarborSettings } from '@longshore/spec'
import type { Io } from '@longshore/transfer'
import { type Finding, note, problem } from './finding.ts'
import type { HarborSite, ProjectState } from './harbor-site.ts'

const loginHint = 'log in: --dest-creds, --authfile, "docker login" or "podman login" with a user or a robot account of this Harbor'

/** Nothing, where all is well. @throws the signal's reason */
export async function siteFindings(site: HarborSite, io: Io): Promise<readonly Finding[]> {
  try {
    const { read_only: isReadOnly } = await site.system(io)
    return isReadOnly ? [problem('read-only', site.registry, undefined, 'this Harbor is read-only, nothing can be pushed', 'an administrator switches that off under Configuration › System Settings')] : []
  } catch (error) {
    return [apiFinding(site.registry, undefined, error, io)]
  }
}

/** Of a project that is wanted. @param settings of this Harbor, where the spec has any @throws the signal's reason */
export async function projectFindings(site: HarborSite, project: string, state: ProjectState, settings: HarborSettings | undefined, io: Io): Promise<readonly Finding[]> {
  const { registry } = site
  const known = await site.harbor.account(project)
  const account = known ?? 'whoever is not logged in'
  if (state.kind === 'missing') {
    const what = state.isCertain ? 'there is no such project' : `there is no such project, or ${account} may not see it`
    if (settings?.createProjects !== true) return [problem('project-missing', registry, project, what, `create it, or write harbor: { ${registry}: { createProjects: true } }`)]
    if (await site.mayCreate(io) === false) {
      return [problem('project-forbidden', registry, project, `${what}, and ${account} may not make projects`, 'use an administrator or a robot account of the system with the permission "project: create", or have the project made')]
    }
    return [note('project-missing', registry, project, `${what}; it will be made`)]
  }
  const findings: Finding[] = []
  if (state.project?.registry_id !== undefined) {
    findings.push(problem('proxy-cache', registry, project, 'this project is a proxy cache, which takes no pushes', 'name another project: under "to", or with namespaces'))
  } else if (state.mayPush === false) {
    findings.push(known === undefined ? problem('push-forbidden', registry, project, 'nobody may push to this project without logging in', loginHint) : problem('push-forbidden', registry, project, `${account} may not push to this project`, 'see whether its secret is right; give the robot account the permission "repository: push" (and "pull") there, or make the user a developer of it'))
  }
  return findings
}

/** The API did not answer as it should. @throws the signal's reason */
export function apiFinding(registry: string, project: string | undefined, error: unknown, { signal }: Io): Finding {
  signal.throwIfAborted()
  if (error instanceof HarborError) {
    const { code, message, hint, status } = error
    if (code === 'HARBOR_UNAUTHORIZED') return problem('unauthorized', registry, project, 'credentials are not taken by Harbor\'s API, or none are given', hint)
    if (project === undefined && (code === 'HARBOR_UNREADABLE' || status === 404)) {
      return problem('not-harbor', registry, project, `what answers there is no Harbor (${message.replace(/; [^;]*$/, '')})`, 'check host and port, or leave its "harbor:" out of the spec')
    }
    return problem('unreachable', registry, project, message, '')
  }
  if (error instanceof ConnectionError || error instanceof RegistryError) return problem('unreachable', registry, project, error.message, 'Harbor\'s API (/api/v2.0) has to be reachable on the same host and port as its registry')
  throw error
}

/** A name to ask about pushing with. */
export function sampleOf(project: string, repository: RepositoryName | undefined): RepositoryName { return repository ?? `${project}/longshore` as RepositoryName }
