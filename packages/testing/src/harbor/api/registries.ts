// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/registry.go
import { type Answer, type Call, jsonOf, ok, requireSystem } from '../call.ts'
import { badRequest, conflict, notFound, precondition } from '../harbor-error.ts'
import type { RemoteRegistry } from '../model.ts'
import { answerPage } from '../query.ts'
import { flagOf, type Json, objectOf, present, textOf, time } from './json.ts'

export function registryJson(registry: RemoteRegistry): Json {
  const { id, name, url, type, description, insecure, credential, createdAt } = registry
  return {
    creation_time: time(createdAt), id, update_time: time(createdAt), ...present({ description, insecure, name, status: 'healthy', type, url }),
    ...(credential ? { credential: { access_key: credential.access_key, access_secret: '*****', type: credential.type } } : {}),
  }
}

export function listRegistries(call: Call): Answer {
  requireSystem(call, 'list', 'registry')
  return answerPage(call, [...call.state.registries.values()], {
    fields: { id: (registry) => registry.id, name: (registry) => registry.name, type: (registry) => registry.type, url: (registry) => registry.url }, sort: 'id',
  }, registryJson)
}

export async function createRegistry(call: Call): Promise<Answer> {
  requireSystem(call, 'create', 'registry')
  const { state, url } = call
  const body = await jsonOf(call)
  const name = textOf(body, 'name') ?? ''
  const address = textOf(body, 'url') ?? ''
  if (name === '') throw badRequest('name is required')
  if (!/^https?:\/\//.test(address)) throw badRequest(`invalid URL: ${address}`)
  if ([...state.registries.values()].some((registry) => registry.name === name)) throw conflict(`registry ${name} already exists`)
  const credential = objectOf(body, 'credential')
  const registry: RemoteRegistry = {
    id: state.nextId('registry'), name, url: address.replace(/\/$/, ''), type: textOf(body, 'type') ?? '', description: textOf(body, 'description') ?? '',
    insecure: flagOf(body, 'insecure') ?? false, createdAt: Date.now(),
    ...(credential ? { credential: { type: textOf(credential, 'type') ?? 'basic', access_key: textOf(credential, 'access_key') ?? '', access_secret: textOf(credential, 'access_secret') ?? '' } } : {}),
  }
  state.registries.set(registry.id, registry)
  return { status: 201, headers: { location: `${url.pathname}/${registry.id}` } }
}

export function getRegistry(call: Call): Answer {
  requireSystem(call, 'read', 'registry')
  return { status: 200, body: registryJson(registryFor(call)) }
}

export function deleteRegistry(call: Call): Answer {
  requireSystem(call, 'delete', 'registry')
  const registry = registryFor(call)
  if ([...call.state.projects.values()].some((project) => project.registryId === registry.id)) {
    throw precondition(`Can't delete registry: ${registry.id} with proxy cache projects`)
  }
  call.state.registries.delete(registry.id)
  return ok
}

function registryFor({ state, params }: Call): RemoteRegistry {
  const registry = state.registries.get(Number(params['id']))
  if (!registry) throw notFound(`registry ${params['id'] ?? ''} not found`)
  return registry
}
