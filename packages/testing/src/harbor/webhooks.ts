// Webhooks are really sent. https://github.com/goharbor/harbor/blob/v2.12.0/src/controller/event/handler/webhook/artifact/artifact.go
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { HarborState } from './harbor-state.ts'
import type { WebhookPolicy, WebhookTarget } from './model.ts'
import { type ArtifactEvent, type EventType, type Payload, payloadOf } from './webhook-payload.ts'

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
      // Those of Slack and Teams have no public address that a test could listen at.
      for (const target of policy.targets.filter(({ type }) => type === 'http')) {
        const sending = this.#deliver(policy, target, event).finally(() => { this.#under.delete(sending) })
        this.#under.add(sending)
      }
    }
  }

  async #deliver(policy: WebhookPolicy, target: WebhookTarget, event: ArtifactEvent): Promise<void> {
    const payload = payloadOf(policy, target, event, this.host)
    for (let attempt = 1; attempt <= attempts && !this.#stop.signal.aborted; attempt++) {
      const status = await post(target, payload, this.#stop.signal).catch(() => 0)
      this.deliveries.push({ policyId: policy.id, eventType: event.type, address: target.address, payload: payload.value, status })
      if (status >= 200 && status < 300) return
      await delay(100, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#under)
  }
}

async function post(target: WebhookTarget, { contentType, value }: Payload, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const body = JSON.stringify(value)
  const isTls = target.address.startsWith('https:')
  const headers = {
    'content-type': contentType, 'content-length': String(Buffer.byteLength(body)), 'user-agent': 'Go-http-client/1.1',
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
