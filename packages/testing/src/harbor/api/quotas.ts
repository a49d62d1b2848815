// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/quota.go
import { type Answer, type Call, jsonOf, ok, requireSystem } from '../call.ts'
import { badRequest, HarborRefusal, notFound } from '../harbor-error.ts'
import type { Project } from '../model.ts'
import { answerPage } from '../query.ts'
import { usedBy } from '../quota.ts'
import { type Json, numberOf, objectOf, time } from './json.ts'
import { checkStorageLimit } from './projects.ts'

function quotaJson({ state }: Call, project: Project): Json {
  return {
    creation_time: time(project.createdAt), hard: { storage: project.storageLimit }, id: project.quotaId,
    ref: { id: project.id, name: project.name, owner_name: state.users.get(project.ownerId)?.name ?? '' },
    update_time: time(project.updatedAt), used: { storage: usedBy(project) },
  }
}

export function listQuotas(call: Call): Answer {
  requireSystem(call, 'list', 'quota')
  const { url, state } = call
  const reference = url.searchParams.get('reference') ?? ''
  const id = url.searchParams.get('reference_id') ?? ''
  const shown = [...state.projects.values()].filter((project) => (reference === '' || reference === 'project') && (id === '' || String(project.id) === id))
  return answerPage(call, shown, {
    fields: { creation_time: (project) => project.createdAt, 'hard.storage': (project) => project.storageLimit, 'used.storage': usedBy, id: (project) => project.quotaId },
    sort: '-creation_time',
  }, (project) => quotaJson(call, project))
}

export function getQuota(call: Call): Answer {
  requireSystem(call, 'read', 'quota')
  return { status: 200, body: quotaJson(call, quotaFor(call)) }
}

/** Below what is used already, too: nothing is taken away, nothing more is taken in. */
export async function updateQuota(call: Call): Promise<Answer> {
  requireSystem(call, 'update', 'quota')
  const hard = objectOf(await jsonOf(call), 'hard')
  if (!hard || Object.keys(hard).length === 0) throw badRequest('hard required in body')
  const project = quotaFor(call)
  const storage = numberOf(hard, 'storage')
  const [unknown] = Object.keys(hard).filter((name) => name !== 'storage')
  if (unknown !== undefined) throw badRequest(`resource ${unknown} not support`)
  if (storage === undefined) throw badRequest('resource storage not found')
  try {
    checkStorageLimit(storage)
  } catch (error) {
    throw error instanceof HarborRefusal ? badRequest(error.message.replace(/^bad request: /, '')) : error
  }
  project.storageLimit = storage
  project.updatedAt = Date.now()
  return ok
}

function quotaFor({ state, params }: Call): Project {
  const project = [...state.projects.values()].find((candidate) => candidate.quotaId === Number(params['id']))
  if (!project) throw notFound(`quota ${params['id'] ?? ''} not found`)
  return project
}
