// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/webhook.go
import { type Answer, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { badRequest, conflict, notFound } from '../harbor-error.ts'
import type { Project, WebhookPolicy, WebhookTarget } from '../model.ts'
import { answerPage } from '../query.ts'
import { eventTypes } from '../webhook-payload.ts'
import { flagOf, type Json, listOf, present, textOf, time } from './json.ts'

const resource = 'notification-policy'
const notifyTypes = ['http', 'slack', 'teams']
const formats = ['Default', 'CloudEvents']

function policyJson(policy: WebhookPolicy): Json {
  const { id, name, description, projectId, targets, creator, enabled, createdAt, updatedAt } = policy
  return {
    creation_time: time(createdAt), creator, enabled, event_types: policy.eventTypes, id, name, project_id: projectId, targets, update_time: time(updatedAt),
    ...present({ description }),
  }
}

type Content = Pick<WebhookPolicy, 'name' | 'description' | 'targets' | 'eventTypes' | 'enabled'>

/** @throws HarborRefusal 400 */
function contentOf(body: Json): Content {
  const name = textOf(body, 'name') ?? ''
  const types = body['event_types']
  if (!Array.isArray(types) || types.length === 0) throw badRequest('empty event type')
  for (const type of types) if (!(eventTypes as readonly unknown[]).includes(type)) throw badRequest(`unsupported event type ${String(type)}`)
  const targets = listOf(body, 'targets') ?? []
  if (targets.length === 0) throw badRequest(`empty notification target with policy ${name}`)
  return {
    name, description: textOf(body, 'description') ?? '', targets: targets.map((target) => targetOf(target, name)), eventTypes: types as string[],
    enabled: flagOf(body, 'enabled') ?? false,
  }
}

function targetOf(json: Json, policy: string): WebhookTarget {
  const type = textOf(json, 'type') ?? ''
  const address = textOf(json, 'address') ?? ''
  const url = URL.parse(/^https?:\/\//.test(address) ? address : `http://${address}`)
  if (!url || address === '') throw badRequest(`parse "${address}": invalid URI for request`)
  if (!notifyTypes.includes(type)) throw badRequest(`unsupported target type ${type} with policy ${policy}`)
  const format = textOf(json, 'payload_format') ?? ''
  if (format !== '' && type !== 'http') throw badRequest(`set payload format is not allowed for ${type}`)
  if (format !== '' && !formats.includes(format)) throw badRequest(`unsupported payload format type: ${format}`)
  const header = textOf(json, 'auth_header') ?? ''
  // The query is dropped: no secret is kept there.
  return {
    type, address: `${url.protocol}//${url.host}${url.pathname}`, ...(header === '' ? {} : { auth_header: header }), skip_cert_verify: flagOf(json, 'skip_cert_verify') ?? false,
    ...(type === 'http' ? { payload_format: format === '' ? 'Default' : format } : {}),
  }
}

export function ListWebhookPoliciesOfProject(call: Call): Answer {
  const project = projectFor(call, 'list', resource)
  const shown = [...call.state.webhooks.values()].filter((policy) => policy.projectId === project.id)
  return answerPage(call, shown, {
    fields: { id: (policy) => policy.id, name: (policy) => policy.name, enabled: (policy) => policy.enabled, creation_time: (policy) => policy.createdAt }, sort: '-creation_time',
  }, policyJson)
}

export async function CreateWebhookPolicyOfProject(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', resource)
  const { state, security, url } = call
  const content = contentOf(await jsonOf(call))
  if ([...state.webhooks.values()].some((policy) => policy.projectId === project.id && policy.name === content.name)) {
    throw conflict(`notification policy named ${content.name} already exists`)
  }
  const id = state.nextId('webhook')
  const now = Date.now()
  state.webhooks.set(id, { id, projectId: project.id, ...content, creator: security.name, createdAt: now, updatedAt: now })
  return { status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${id}` } }
}

export function GetWebhookPolicyOfProject(call: Call): Answer {
  return { status: 200, body: policyJson(policyFor(call, projectFor(call, 'read', resource))) }
}

export async function UpdateWebhookPolicyOfProject(call: Call): Promise<Answer> {
  const policy = policyFor(call, projectFor(call, 'update', resource))
  Object.assign(policy, contentOf(await jsonOf(call)), { updatedAt: Date.now() })
  return ok
}

export function DeleteWebhookPolicyOfProject(call: Call): Answer {
  call.state.webhooks.delete(policyFor(call, projectFor(call, 'delete', resource)).id)
  return ok
}

export function GetSupportedEventTypes(call: Call): Answer {
  projectFor(call, 'read', resource)
  return { status: 200, body: { event_type: eventTypes, notify_type: notifyTypes, payload_formats: [{ formats, notify_type: 'http' }] } }
}

function policyFor({ state, params }: Call, project: Project): WebhookPolicy {
  const policy = state.webhooks.get(Number(params['webhook_policy_id']))
  if (!policy) throw notFound(`notification policy ${params['webhook_policy_id'] ?? ''} not found`)
  if (policy.projectId !== project.id) throw notFound(`resource not found: project id:${project.id}, webhook policy id: ${policy.id} not found`)
  return policy
}
