// Webhooks in Harbor's default format. https://github.com/goharbor/harbor/blob/v2.12.0/src/controller/event/handler/webhook/artifact/artifact.go
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Digest } from '@longshore/oci'
import type { HarborState } from './harbor-state.ts'
import type { Project, Repository, WebhookPolicy, WebhookTarget } from './model.ts'
import { isPublic } from './security.ts'

export const eventTypes = [
  'DELETE_ARTIFACT', 'PULL_ARTIFACT', 'PUSH_ARTIFACT', 'QUOTA_EXCEED', 'QUOTA_WARNING', 'REPLICATION', 'SCANNING_COMPLETED', 'SCANNING_FAILED',
  'SCANNING_STOPPED', 'TAG_RETENTION',
] as const
export type EventType = (typeof eventTypes)[number]

export interface ArtifactEvent {
  readonly type: EventType
  readonly project: Project
  readonly repository: Repository
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly operator: string
}

/** One POST to a target, and what came of it. */
export interface Delivery {
  readonly policyId: number
  readonly eventType: EventType
  readonly address: string
  readonly payload: unknown
  /** 0: nobody answered. */
  readonly status: number
}

const attempts = 3

export class Webhooks implements AsyncDisposable {
  readonly #state: HarborState
  readonly #under = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  /** Every attempt so far. */
  readonly deliveries: Delivery[] = []
  /** `127.0.0.1:port`, for the resources' URLs. */
  host = ''

  constructor(state: HarborState) {
    this.#state = state
  }

  /** Returns at once: the targets hear of it in their own time. */
  fire(event: ArtifactEvent): void {
    if (!this.#state.configuration.notifications) return
    for (const policy of this.#state.webhooks.values()) {
      if (policy.projectId !== event.project.id || !policy.enabled || !policy.eventTypes.includes(event.type)) continue
      for (const target of policy.targets) {
        const sending = this.#deliver(policy, target, event).finally(() => { this.#under.delete(sending) })
        this.#under.add(sending)
      }
    }
  }

  async #deliver(policy: WebhookPolicy, target: WebhookTarget, event: ArtifactEvent): Promise<void> {
    const payload = this.#payloadOf(event)
    for (let attempt = 1; attempt <= attempts && !this.#stop.signal.aborted; attempt++) {
      const status = await post(target, JSON.stringify(payload), this.#stop.signal).catch(() => 0)
      this.deliveries.push({ policyId: policy.id, eventType: event.type, address: target.address, payload, status })
      if (status >= 200 && status < 300) return
      await delay(100, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }

  #payloadOf({ type, project, repository, digest, tags: [tag], operator }: ArtifactEvent): unknown {
    const name = repository.name
    return {
      type, occur_at: Math.floor(Date.now() / 1000), operator,
      event_data: {
        // Without a tag, the digest stands in its place.
        resources: [{ digest, tag: tag ?? digest, resource_url: `${this.host}/${name}${tag === undefined ? `@${digest}` : `:${tag}`}` }],
        repository: {
          date_created: Math.floor(repository.createdAt / 1000), name: name.slice(project.name.length + 1), namespace: project.name, repo_full_name: name,
          repo_type: isPublic(project) ? 'public' : 'private',
        },
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#under)
  }
}

async function post(target: WebhookTarget, body: string, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const isTls = target.address.startsWith('https:')
  const headers = {
    'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), 'user-agent': 'Go-http-client/1.1',
    ...(target.auth_header === undefined || target.auth_header === '' ? {} : { authorization: target.auth_header }),
  }
  const request = (isTls ? httpsRequest : httpRequest)(target.address, {
    method: 'POST', headers, signal, agent: false, ...(isTls ? { rejectUnauthorized: target.skip_cert_verify !== true } : {}),
  }, (response) => {
    response.resume()
    response.on('close', () => { resolve(response.statusCode ?? 0) })
  })
  request.on('error', reject)
  request.end(body)
  return promise
}
