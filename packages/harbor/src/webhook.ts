import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { flag, id, listOf, text } from './fields.ts'
import { type Harbor, segment } from './harbor.ts'

const target = z.object({ type: z.string(), address: z.string(), payload_format: text, skip_cert_verify: flag })
const policy = z.object({ id, name: z.string(), description: text, enabled: flag, event_types: listOf(z.string()), targets: listOf(target) })
/** What of a webhook may be shown: its auth header stays unread. */
export type WebhookPolicy = z.output<typeof policy>

export interface NewWebhookPolicy {
  readonly name: string
  readonly description?: string
  readonly enabled: boolean
  /** `PUSH_ARTIFACT`, `DELETE_ARTIFACT`, … */
  readonly eventTypes: readonly string[]
  readonly target: {
    readonly type: 'http' | 'slack'
    readonly address: string
    /** What Harbor sends as `Authorization`: a secret. */
    readonly authHeader?: string
    readonly skipCertVerify?: boolean
    readonly payloadFormat?: 'Default' | 'CloudEvents'
  }
}

const needTo = (action: string): { readonly permission: string; readonly level: 'project' } => ({ permission: `notification-policy: ${action}`, level: 'project' })
const pathOf = (project: string): string => `/projects/${segment(project)}/webhook/policies`

export function listWebhooks(harbor: Harbor, project: string, io: Io): AsyncGenerator<WebhookPolicy, void, void> {
  return harbor.list({ path: pathOf(project), project, need: needTo('list') }, policy, io)
}

/** @throws HarborError HARBOR_CONFLICT: there is one of that name */
export async function createWebhook(harbor: Harbor, project: string, wanted: NewWebhookPolicy, io: Io): Promise<void> {
  await harbor.ask({ method: 'POST', path: pathOf(project), project, json: bodyOf(wanted), need: needTo('create') }, [201], io)
}

export async function updateWebhook(harbor: Harbor, project: string, webhookId: number, wanted: NewWebhookPolicy, io: Io): Promise<void> {
  await harbor.ask({ method: 'PUT', path: `${pathOf(project)}/${webhookId}`, project, json: { id: webhookId, ...bodyOf(wanted) }, idempotent: true, need: needTo('update') }, [200], io)
}

/** `false`: it was not there. */
export async function deleteWebhook(harbor: Harbor, project: string, webhookId: number, io: Io): Promise<boolean> {
  return (await harbor.ask({ method: 'DELETE', path: `${pathOf(project)}/${webhookId}`, project, need: needTo('delete') }, [200, 404], io)).status === 200
}

function bodyOf({ name, description = '', enabled, eventTypes, target: { type, address, authHeader, skipCertVerify = false, payloadFormat = 'Default' } }: NewWebhookPolicy): object {
  return {
    name, description, enabled, event_types: eventTypes,
    targets: [{ type, address, skip_cert_verify: skipCertVerify, payload_format: payloadFormat, ...(authHeader === undefined ? {} : { auth_header: authHeader }) }],
  }
}
