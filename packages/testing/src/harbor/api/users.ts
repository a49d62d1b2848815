// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/user.go
import { type Answer, type Call, jsonOf, ok, requireAuthenticated, requireSystem } from '../call.ts'
import { badRequest, conflict, HarborRefusal, notFound } from '../harbor-error.ts'
import type { User } from '../model.ts'
import { answerPage } from '../query.ts'
import { createUser as makeUser } from '../user.ts'
import { flagOf, type Json, present, textOf, time } from './json.ts'

function userJson(user: User): Json {
  return {
    admin_role_in_auth: false, creation_time: time(user.createdAt), sysadmin_flag: user.isAdmin, update_time: time(user.createdAt), user_id: user.id, username: user.name,
    ...present({ email: user.email, realname: user.realname }),
  }
}

export function getCurrentUserInfo(call: Call): Answer {
  requireAuthenticated(call)
  const { user } = call.security
  if (!user) throw new HarborRefusal('PRECONDITION', `get user not available for security context: ${call.security.kind}`)
  return { status: 200, body: userJson(user) }
}

export function listUsers(call: Call): Answer {
  requireSystem(call, 'list', 'user')
  return answerPage(call, [...call.state.users.values()], {
    fields: { username: (user) => user.name, email: (user) => user.email, user_id: (user) => user.id, creation_time: (user) => user.createdAt }, sort: 'username',
  }, userJson)
}

export function searchUsers(call: Call): Answer {
  requireAuthenticated(call)
  const name = call.url.searchParams.get('username') ?? ''
  return answerPage(call, [...call.state.users.values()].filter((user) => user.name.includes(name)), { fields: {}, sort: '' }, (user) => ({ user_id: user.id, username: user.name }))
}

export async function createUser(call: Call): Promise<Answer> {
  requireSystem(call, 'create', 'user')
  const { state, url } = call
  const body = await jsonOf(call)
  const [name, email, password] = [textOf(body, 'username') ?? '', textOf(body, 'email') ?? '', textOf(body, 'password') ?? '']
  if (name === '' || /[,~#$%]/.test(name) || name.length > 255) throw badRequest('bad request: username with illegal length')
  if (!/^[^@\s]+@[^@\s]+$/.test(email)) throw badRequest('bad request: email with illegal format')
  if (!(password.length >= 8 && /[a-z]/.test(password) && /[A-Z]/.test(password) && /\d/.test(password))) {
    throw badRequest('bad request: the password or secret must be longer than 8 chars with at least 1 uppercase letter, 1 lowercase letter and 1 number')
  }
  if (state.userNamed(name)) throw conflict(`User ${name} already exists`)
  const user = makeUser(state, { name, password, email, realname: textOf(body, 'realname') ?? '', isAdmin: false })
  return { status: 201, headers: { location: `${url.pathname}/${user.id}` } }
}

export function getUser(call: Call): Answer {
  return { status: 200, body: userJson(userFor(call, 'read')) }
}

export function deleteUser(call: Call): Answer {
  const user = userFor(call, 'delete')
  if (user.id === 1 || user.id === call.security.user?.id) throw new HarborRefusal('FORBIDDEN', 'forbidden: User with ID 1 cannot be deleted')
  call.state.users.delete(user.id)
  return ok
}

export async function setUserSysAdmin(call: Call): Promise<Answer> {
  const user = userFor(call, 'update')
  user.isAdmin = flagOf(await jsonOf(call), 'sysadmin_flag') ?? false
  return ok
}

function userFor(call: Call, action: string): User {
  const { state, security, params } = call
  const user = state.users.get(Number(params['user_id']))
  if (security.user === undefined || security.user.id !== user?.id || action !== 'read') requireSystem(call, action, 'user')
  if (!user) throw notFound(`user ${params['user_id'] ?? ''} not found`)
  return user
}
