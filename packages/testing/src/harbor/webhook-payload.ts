// What a webhook's target is told, in either of Harbor's formats.
// https://github.com/goharbor/harbor/tree/v2.12.0/src/pkg/notifier/formats
import { randomUUID } from 'node:crypto'
import type { Digest } from '@longshore/oci'
import type { Project, Repository, WebhookPolicy, WebhookTarget } from './model.ts'
import { isPublic } from './security.ts'

/** Each with its name as a CloudEvent. */
const cloudEvents = {
  DELETE_ARTIFACT: 'artifact.deleted', PULL_ARTIFACT: 'artifact.pulled', PUSH_ARTIFACT: 'artifact.pushed', QUOTA_EXCEED: 'quota.exceeded',
  QUOTA_WARNING: 'quota.warned', REPLICATION: 'replication.status.changed', SCANNING_COMPLETED: 'scan.completed', SCANNING_FAILED: 'scan.failed',
  SCANNING_STOPPED: 'scan.stopped', TAG_RETENTION: 'tag_retention.finished',
} as const
export type EventType = keyof typeof cloudEvents
export const eventTypes = Object.keys(cloudEvents) as readonly EventType[]

export interface ArtifactEvent {
  readonly type: EventType
  readonly project: Project
  readonly repository: Repository
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly operator: string
}

export interface Payload { readonly contentType: string; readonly value: unknown }

/** `host`: for the resources' URLs. */
export function payloadOf(policy: WebhookPolicy, target: WebhookTarget, event: ArtifactEvent, host: string): Payload {
  const { type, project, operator } = event
  const data = dataOf(event, host)
  if (target.payload_format !== 'CloudEvents') {
    return { contentType: 'application/json', value: { type, occur_at: Math.floor(Date.now() / 1000), operator, event_data: data } }
  }
  return {
    contentType: 'application/cloudevents+json',
    value: {
      specversion: '1.0', id: randomUUID(), requestid: randomUUID(), source: `/projects/${project.id}/webhook/policies/${policy.id}`, type: `harbor.${cloudEvents[type]}`,
      datacontenttype: 'application/json', time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'), data, operator,
    },
  }
}

function dataOf({ project, repository, digest, tags: [tag] }: ArtifactEvent, host: string): unknown {
  const { name } = repository
  return {
    // Without a tag, the digest stands in its place.
    resources: [{ digest, tag: tag ?? digest, resource_url: `${host}/${name}${tag === undefined ? `@${digest}` : `:${tag}`}` }],
    repository: {
      date_created: Math.floor(repository.createdAt / 1000), name: name.slice(project.name.length + 1), namespace: project.name, repo_full_name: name,
      repo_type: isPublic(project) ? 'public' : 'private',
    },
  }
}
