import { describe, expect, test } from 'vitest'
import { NotificationInvalidError } from './notification-error.ts'
import { harborCloudEvent, harborEvent, recorded } from './payloads.fixture.ts'
import { maxNotificationBytes, maxNotificationEvents, readNotification } from './read-notification.ts'

const registry = 'registry.example.com:5000'
const read = (content: unknown): ReturnType<typeof readNotification> => readNotification(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)), registry)
const manifest = 'sha256:1743cc4d36219b8666928dd3989a0449c31086911ba55365e240f8d351ca80c7'
const digest = 'sha256:dde8e930c7b6a490f728e66292bc9bce42efc9bbb5278bae40e4f30f6e00fe8c'
const app = { registry, repository: 'team/app' }
const busybox = { registry, repository: 'library/busybox', digest }
const [{ target }] = recorded.manifestPushed.events as unknown as [{ target: object }]
const event = (more: object, action = 'push'): object => ({ events: [{ action, target: { ...target, ...more } }] })

describe('docker-registry', () => {
  test.each<[string, object, readonly object[], number]>([
    ['a tag is pushed', recorded.manifestPushed, [{ ...app, tag: 'v1', digest: manifest, action: 'push' }], 0],
    ['a tag is deleted', recorded.tagDeleted, [{ ...app, tag: 'v1', action: 'delete' }], 0],
    ['a manifest is deleted', recorded.manifestDeleted, [{ ...app, digest: manifest, action: 'delete' }], 0],
    ['a blob is pushed', recorded.blobPushed, [], 1],
    ['a manifest is pushed by its digest', event({ tag: undefined }), [{ ...app, digest: manifest, action: 'push' }], 0],
    ['a manifest of a type that is not known here', event({ tag: undefined, mediaType: 'application/vnd.oci.artifact.manifest.v1+json' }), [{ ...app, digest: manifest, action: 'push' }], 0],
    ['Docker schema 1', event({ tag: undefined, url: undefined, mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws' }), [{ ...app, digest: manifest, action: 'push' }], 0],
    ['a pull', event({}, 'pull'), [], 1],
    ['a mount', event({ fromRepository: 'team/base' }, 'mount'), [], 1],
    ['an action that nobody knows', event({}, 'restore'), [], 1],
    ['a repository is deleted', event({ tag: undefined, digest: undefined }, 'delete'), [], 1],
    ['a repository that is none', event({ repository: '../etc' }), [], 1],
    ['a tag that is none: the digest stays', event({ tag: 'a b' }), [{ ...app, digest: manifest, action: 'push' }], 0],
    ['a digest that is none: the tag stays', event({ digest: 'sha256:xyz' }), [{ ...app, tag: 'v1', action: 'push' }], 0],
    ['an event that is none', { events: [7, null, { action: 'push' }, ...recorded.manifestPushed.events] }, [{ ...app, tag: 'v1', digest: manifest, action: 'push' }], 3],
    ['no events', { events: [] }, [], 0],
    ['no events, as Go writes it', { events: null }, [], 0],
  ])('%s', (_, content, changes, ignored) => {
    expect(read(content)).toEqual({ sender: 'docker-registry', changes, ignored })
  })
})

describe('harbor', () => {
  test.each<[string, object, readonly object[], number]>([
    ['an artifact is pushed', harborEvent('PUSH_ARTIFACT'), [{ ...busybox, tag: '1.36', action: 'push' }], 0],
    ['an artifact is deleted', harborEvent('DELETE_ARTIFACT'), [{ ...busybox, tag: '1.36', action: 'delete' }], 0],
    ['an artifact without a tag', harborEvent('PUSH_ARTIFACT', digest), [{ ...busybox, action: 'push' }], 0],
    ['a pull', harborEvent('PULL_ARTIFACT'), [], 1],
    ['a scan', harborEvent('SCANNING_COMPLETED'), [], 1],
    ['a quota, about no artifact', { type: 'QUOTA_EXCEED', occur_at: 1, operator: '', event_data: { repository: { name: 'x', namespace: 'y', repo_full_name: 'y/x', repo_type: 'private' }, custom_attributes: {} } }, [], 1],
    ['a replication', { type: 'REPLICATION', occur_at: 1, operator: 'MANUAL', event_data: { replication: { harbor_hostname: 'h' } } }, [], 1],
    ['an event without data', { type: 'PUSH_ARTIFACT', occur_at: 1, operator: 'admin' }, [], 1],
    ['as a CloudEvent: pushed', harborCloudEvent('harbor.artifact.pushed'), [{ ...busybox, tag: '1.36', action: 'push' }], 0],
    ['as a CloudEvent: deleted', harborCloudEvent('harbor.artifact.deleted'), [{ ...busybox, tag: '1.36', action: 'delete' }], 0],
    ['as a CloudEvent: pulled', harborCloudEvent('harbor.artifact.pulled'), [], 1],
    ['a CloudEvent of somebody else', { specversion: '1.0', id: '1', source: 'x', type: 'com.github.push', data: { ref: 'main' } }, [], 1],
    ['a CloudEvent without data', { specversion: '1.0', id: '1', source: 'x', type: 'harbor.artifact.pushed' }, [], 1],
  ])('%s', (_, content, changes, ignored) => {
    expect(read(content)).toEqual({ sender: 'harbor', changes, ignored })
  })
})

describe('what is refused, and why', () => {
  test.each<[string, unknown, number, RegExp]>([
    ['no JSON', '{"events": [s3cret', 400, /^the body is not valid JSON in UTF-8$/],
    ['nothing', '', 400, /JSON/],
    ['a list', [], 422, /no JSON object/],
    ['null', 'null', 422, /no JSON object/],
    ['an object of another form', { text: 'hello' }, 422, /not of a form that is known here; what is taken: docker-registry's events .*, Harbor's/],
    ['a type alone', { type: 'PUSH_ARTIFACT' }, 422, /not of a form/],
    ['events that are no list', { events: {} }, 422, /"events" is no list/],
    ['too many events', { events: Array.from({ length: maxNotificationEvents + 1 }, () => 0) }, 413, /1001 events in one notification are too many/],
    ['too much of it', `{"events": [], "x": "${'x'.repeat(maxNotificationBytes)}"}`, 413, /more than 1 MiB/],
  ])('%s', (_, content, status, says) => {
    const refused = (() => { try { return read(content) } catch (error) { return error } })()
    expect(refused).toBeInstanceOf(NotificationInvalidError)
    expect(refused).toMatchObject({ code: 'NOTIFICATION_INVALID', status, message: expect.stringMatching(says) })
    expect(String(refused)).not.toContain('s3cret')
  })
})
