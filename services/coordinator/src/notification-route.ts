// Where registries tell what has changed at the source of a cutover. The URL says which cutover and which of its registries it is about; docs/cutover.md
// and docs/api.md say how docker-registry and Harbor are told to send it here.
import { type CutoverRecord, endPhases, type Heard, maxNotificationBytes, NotificationInvalidError, notificationTypes, readNotification } from '@longshore/cutover'
import { printable } from '@longshore/oci'
import { registriesOf } from '@longshore/spec'
import type { HttpApp } from '@longshore/telemetry'
import { heardSchema, notificationQuerySchema } from './cutover-schemas.ts'
import { examples } from './examples.ts'
import { addRoute } from './route.ts'
import { idSchema } from './schemas.ts'

export interface NotificationsOptions {
  /** @throws CutoverNotFoundError */
  readonly cutover: (id: string) => Promise<CutoverRecord>
  readonly addChanges: (id: string, changes: Heard['changes']) => Promise<void>
  readonly onHeard: (id: string, registry: string, heard: Heard) => void
  /** Hears of those that were not taken, for whatever reason. */
  readonly onRefused?: (status: number) => void
}

export async function addNotificationRoute(app: HttpApp, { cutover, addChanges, onHeard, onRefused }: NotificationsOptions): Promise<void> {
  await app.register(async (api) => {
    api.removeAllContentTypeParsers()
    api.addContentTypeParser([...notificationTypes], { parseAs: 'buffer' }, (_, body, done) => { done(null, body) })
    api.addHook('onResponse', async (_, { statusCode }) => { if (statusCode >= 400) onRefused?.(statusCode) })
    addRoute(api, {
      method: 'POST', url: '/cutovers/:id/notifications', operationId: 'notifyCutover', tag: 'cutovers', summary: 'A registry tells what has changed at the source', params: idSchema, query: notificationQuerySchema,
      bodyLimit: maxNotificationBytes, access: 'notifications',
      description: 'Takes notifications of docker-registry and webhooks of Harbor (default format and CloudEvents). Wants LONGSHORE_NOTIFICATION_SECRET (or the token) in the header Authorization: as Bearer, alone, or as the '
        + 'password of Basic. What is named is moved within seconds where the spec says `events` and selects it; what means nothing here is counted in `ignored`.',
      bodies: notificationTypes.map((type) => ({ type, schema: { type: 'object' }, example: type.includes('docker') ? examples.dockerNotification : type.includes('cloudevents') ? examples.cloudEvent : examples.harborNotification })),
      answers: { 202: { description: 'It is remembered', schema: heardSchema, example: examples.heard } },
      problems: { 404: ['CUTOVER_NOT_FOUND'], 413: ['REQUEST_INVALID', 'NOTIFICATION_INVALID'], 415: ['REQUEST_INVALID'], 422: ['NOTIFICATION_INVALID'] },
      handle: async ({ params: { id }, query }, request, reply) => {
        const record = await cutover(id)
        const registry = sourceOf(record, query.registry)
        const heard = readNotification(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), registry)
        if (!record.spec.cutover?.delta.events && !endPhases.has(record.phase)) throw new NotificationInvalidError(422, `cutover ${id} does not go by events: write "cutover: { delta: { events: true } }" in its spec, and submit it again`)
        // docker-registry sends again, for ever, what is not taken: after the end everything is, and nothing comes of it.
        const taken = endPhases.has(record.phase) ? [] : heard.changes
        if (taken.length > 0) await addChanges(id, taken)
        onHeard(id, registry, heard)
        return await reply.code(202).send({ changes: taken.length, ignored: heard.ignored + heard.changes.length - taken.length })
      },
    })
  })
}

/** The source registry that a notification is of, as the spec names it. @throws NotificationInvalidError */
function sourceOf({ id, spec }: CutoverRecord, given: string | undefined): string {
  const { source } = registriesOf(spec)
  const [only] = source
  const known = [...source].join(', ')
  if (given === undefined) {
    if (source.size === 1 && only !== undefined) return only
    throw new NotificationInvalidError(422, `cutover ${id} has several sources: say in the URL which one this is of, as ?registry=HOST (${known})`)
  }
  if (!source.has(given)) throw new NotificationInvalidError(422, `${printable(given)} is no source of cutover ${id}: registry= names it as the spec does (${known}), whatever the registry calls itself`)
  return given
}
