// What Harbor's webhook policies send (goharbor/harbor, src/pkg/notifier/formats): one event a request, as its own JSON ("Default") or, from
// 2.8 on, as a CloudEvent, with the same data. Harbor tells of a pushed or deleted artifact; of a tag that is added or deleted by itself it
// says nothing.
import { isTag } from '@longshore/oci'
import { z } from 'zod'
import type { Change } from '../record.ts'
import { type Heard, toChange } from './heard.ts'

const actions: Readonly<Record<string, Change['action']>> = {
  'PUSH_ARTIFACT': 'push', 'DELETE_ARTIFACT': 'delete', 'harbor.artifact.pushed': 'push', 'harbor.artifact.deleted': 'delete',
  // Not sent by releases so far; they have names.
  'CREATE_TAG': 'push', 'DELETE_TAG': 'delete', 'harbor.tag.created': 'push', 'harbor.tag.deleted': 'delete',
}

const dataSchema = z.looseObject({
  repository: z.looseObject({ repo_full_name: z.string() }),
  // `null` where Go's slice was empty.
  resources: z.array(z.looseObject({ tag: z.string().optional(), digest: z.string().optional() })).nullish(),
})

/** @param data `event_data` of the default format, `data` of a CloudEvent */
export function readHarborEvent(type: string, data: unknown, registry: string): Heard {
  const action = actions[type]
  const { success, data: known } = dataSchema.safeParse(data)
  // Scans, quotas, replications, pulls.
  if (action === undefined || !success) return { sender: 'harbor', changes: [], ignored: 1 }
  const resources = known.resources ?? []
  const { repo_full_name: repository } = known.repository
  const changes = resources.flatMap(({ tag, digest }) => toChange(registry, {
    // An artifact without a tag has its digest in its place.
    repository, ...(tag !== undefined && isTag(tag) ? { tag } : {}), digest, action,
  }) ?? [])
  return { sender: 'harbor', changes, ignored: Math.max(resources.length, 1) - changes.length }
}
