// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/member.go
import { type Answer, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { badRequest, conflict, notFound } from '../harbor-error.ts'
import { type Member, type Project, roleIdOf, roleOf } from '../model.ts'
import { answerPage } from '../query.ts'
import { type Json, numberOf, objectOf, textOf } from './json.ts'

function memberJson({ state }: Call, project: Project, member: Member): Json {
  return {
    entity_id: member.userId, entity_name: state.users.get(member.userId)?.name ?? '', entity_type: 'u', id: member.id, project_id: project.id,
    role_id: roleIdOf(member.role), role_name: member.role,
  }
}

export function listProjectMembers(call: Call): Answer {
  const project = projectFor(call, 'list', 'member')
  const name = call.url.searchParams.get('entityname') ?? ''
  const shown = [...project.members.values()].filter((member) => (call.state.users.get(member.userId)?.name ?? '').includes(name))
  return answerPage(call, shown, { fields: { id: (member) => member.id }, sort: 'id' }, (member) => memberJson(call, project, member))
}

export async function createProjectMember(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', 'member')
  const { state } = call
  const body = await jsonOf(call)
  const wanted = objectOf(body, 'member_user') ?? {}
  const id = numberOf(wanted, 'user_id') ?? 0
  const name = textOf(wanted, 'username') ?? ''
  const user = id > 0 ? state.users.get(id) : state.userNamed(name)
  if (!user) throw name === '' && id === 0 ? badRequest('bad request: the member user or the member group should be specified') : notFound(`no user found: ${name}`)
  const roleId = numberOf(body, 'role_id') ?? 0
  const role = roleOf(roleId)
  if (!role) throw badRequest(`Invalid project member role: ${roleId}`)
  if ([...project.members.values()].some((member) => member.userId === user.id)) throw conflict(`The project member already exist, project id:${project.id}, user: ${user.name}`)
  const memberId = state.nextId('member')
  project.members.set(memberId, { id: memberId, userId: user.id, role })
  return { status: 201, headers: { location: `/api/v2.0/projects/${call.params['project_name_or_id'] ?? ''}/members/${memberId}` } }
}

export function getProjectMember(call: Call): Answer {
  const project = projectFor(call, 'read', 'member')
  return { status: 200, body: memberJson(call, project, memberFor(call, project)) }
}

export async function updateProjectMember(call: Call): Promise<Answer> {
  const project = projectFor(call, 'update', 'member')
  const roleId = numberOf(await jsonOf(call), 'role_id') ?? 0
  const role = roleOf(roleId)
  if (!role) throw badRequest(`Invalid project member role: ${roleId}`)
  memberFor(call, project).role = role
  return ok
}

export function deleteProjectMember(call: Call): Answer {
  const project = projectFor(call, 'delete', 'member')
  project.members.delete(memberFor(call, project).id)
  return ok
}

function memberFor({ params }: Call, project: Project): Member {
  const member = project.members.get(Number(params['mid']))
  if (!member) throw notFound(`the project member is not found, project id ${project.id}, member id ${params['mid'] ?? ''}`)
  return member
}
