// What docker-registry (distribution, and what is made of it: GitLab's registry, say) sends to `notifications.endpoints`: an envelope of
// events (distribution/distribution, notifications/event.go). 2.x calls it version 1, 3.x version 2; they are alike.
import { isIndexType, isManifestType, isSchema1Type } from '@longshore/oci'
import { z } from 'zod'
import type { Change } from '../record.ts'
import { type Heard, toChange } from './heard.ts'

const eventSchema = z.looseObject({
  action: z.string(),
  target: z.looseObject({
    mediaType: z.string().optional(), digest: z.string().optional(), repository: z.string().optional(), tag: z.string().optional(), url: z.string().optional(),
  }),
})

export function readDockerEvents(events: readonly unknown[], registry: string): Heard {
  const changes = events.flatMap((event) => {
    const { success, data } = eventSchema.safeParse(event)
    return (success ? changeOf(data, registry) : undefined) ?? []
  })
  return { sender: 'docker-registry', changes, ignored: events.length - changes.length }
}

function changeOf({ action, target }: z.output<typeof eventSchema>, registry: string): Change | undefined {
  // `pull` changes nothing, `mount` is of blobs.
  if (action === 'push') return isOfManifest(target) ? toChange(registry, { ...target, repository: target.repository, action }) : undefined
  // Of a manifest that is deleted only the digest is told, and so it is with blobs: no tag of the source is of that digest any more, either way.
  if (action === 'delete') return toChange(registry, { ...target, repository: target.repository, action })
  return undefined
}

/** Blobs are told too, as `application/octet-stream`. What a manifest may be called, the registry decides. */
function isOfManifest({ mediaType = '', tag = '', url = '' }: z.output<typeof eventSchema>['target']): boolean {
  return tag !== '' || isManifestType(mediaType) || isIndexType(mediaType) || isSchema1Type(mediaType) || /\/manifests\/[^/]+$/.test(url)
}
