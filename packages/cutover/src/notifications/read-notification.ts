// A registry's notification becomes changes. The content says whose it is: of the senders' media types, one is `application/json`.
import type { Heard } from './heard.ts'
import { readDockerEvents } from './docker-registry.ts'
import { readHarborEvent } from './harbor.ts'
import { NotificationInvalidError } from './notification-error.ts'

/** Of a body. A registry sends an event a request; one with all references of an index is some kilobytes. */
export const maxNotificationBytes = 1024 * 1024
/** In one envelope. */
export const maxNotificationEvents = 1_000

/** What the senders call their bodies; others may be sent as JSON. */
export const notificationTypes = [
  'application/json', 'application/vnd.docker.distribution.events.v1+json', 'application/vnd.docker.distribution.events.v2+json', 'application/cloudevents+json',
] as const

const known = 'docker-registry\'s events ({"events": [...]}), Harbor\'s webhooks in the default format ({"type", "event_data"}) and as CloudEvents ({"specversion", "type", "data"})'

/**
 * @param registry `host[:port]` as the spec names it: what a registry calls itself, behind a proxy or in a container, may be another name
 * @throws NotificationInvalidError NOTIFICATION_INVALID
 */
export function readNotification(body: Uint8Array, registry: string): Heard {
  if (body.byteLength > maxNotificationBytes) throw new NotificationInvalidError(413, `a notification of more than ${maxNotificationBytes / 1024 / 1024} MiB is not taken`)
  const content = parse(body)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new NotificationInvalidError(422, `the body is no JSON object; what is taken here: ${known}`)
  if ('events' in content) {
    // Go leaves an empty list out, or writes null.
    const events = content.events ?? []
    if (!Array.isArray(events)) throw new NotificationInvalidError(422, `"events" is no list; what is taken here: ${known}`)
    if (events.length > maxNotificationEvents) throw new NotificationInvalidError(413, `${events.length} events in one notification are too many: ${maxNotificationEvents} are the most`)
    return readDockerEvents(events, registry)
  }
  if ('type' in content && typeof content.type === 'string') {
    if ('event_data' in content) return readHarborEvent(content.type, content.event_data, registry)
    if ('specversion' in content) return readHarborEvent(content.type, 'data' in content ? content.data : undefined, registry)
    // An event of Harbor that is about nothing: an empty `event_data` is left out.
    if ('occur_at' in content) return readHarborEvent(content.type, undefined, registry)
  }
  throw new NotificationInvalidError(422, `the body is not of a form that is known here; what is taken: ${known}`)
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    // The parser's own words would show a piece of the body.
    throw new NotificationInvalidError(400, 'the body is not valid JSON in UTF-8')
  }
}
