import type { Security } from '../security.ts'
import type { HarborState } from '../harbor-state.ts'
import { type Project, roleIdOf, type RoleName } from '../model.ts'
import { type Json, present, time } from './json.ts'

/** From the mightiest. */
const order: readonly RoleName[] = ['projectAdmin', 'maintainer', 'developer', 'guest', 'limitedGuest']

export function projectJson(state: HarborState, security: Security, project: Project): Json {
  const roles = security.user ? [...project.members.values()].filter((member) => member.userId === security.user?.id).map((member) => member.role) : []
  const highest = order.find((role) => roles.includes(role))
  return {
    ...present({
      chart_count: 0, current_user_role_id: highest === undefined ? 0 : roleIdOf(highest), current_user_role_ids: roles.map(roleIdOf), owner_id: project.ownerId,
      owner_name: state.users.get(project.ownerId)?.name, registry_id: project.registryId,
    }),
    cve_allowlist: {
      creation_time: time(project.createdAt), id: project.id, items: project.cveAllowlist.items, project_id: project.id, update_time: time(project.updatedAt),
      ...(project.cveAllowlist.expires_at === null ? {} : { expires_at: project.cveAllowlist.expires_at }),
    },
    creation_time: time(project.createdAt), metadata: Object.fromEntries(project.metadata), name: project.name, project_id: project.id,
    repo_count: state.repositoriesOf(project).length, update_time: time(project.updatedAt),
  }
}
