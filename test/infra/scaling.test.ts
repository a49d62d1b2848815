// KEDA looks at what BullMQ writes, and counts in what one worker has in hand.
import { defaultLimits } from '@longshore/pool'
import { BullQueues, queueKinds } from '@longshore/queue'
import { connectRedis } from '@longshore/redis'
import { startRedis } from '@longshore/testing'
import type { NodeKey } from '@longshore/transfer'
import { beforeAll, expect, test } from 'vitest'
import { type KubeObject, render } from './kustomize.ts'

interface Trigger {
  readonly type: string
  readonly name: string
  readonly metadata: { readonly listName: string; readonly listLength: string; readonly activationListLength: string; readonly databaseIndex: string }
  readonly authenticationRef: { readonly name: string }
}

let objects: readonly KubeObject[] = []
let triggers: readonly Trigger[] = []

beforeAll(async () => {
  objects = await render('overlays/keda')
  triggers = objects.find(({ kind }) => kind === 'ScaledObject')!.spec.triggers as readonly Trigger[]
}, 600_000)

test('what waits and what is in hand of every queue, in shares of one worker', () => {
  const perWorker = { images: defaultLimits.batches, blobs: defaultLimits.blobs, manifests: defaultLimits.manifests }
  expect(triggers.map(({ metadata }) => metadata)).toEqual(['wait', 'active'].flatMap((list) => queueKinds.map((kind) => (
    { listName: `{longshore}:${kind}:${list}`, listLength: String(perWorker[kind]), activationListLength: '0', databaseIndex: '0' }
  ))))
  for (const { type, authenticationRef } of triggers) {
    expect(type).toBe('redis')
    expect(objects.find(({ kind, metadata }) => kind === 'TriggerAuthentication' && metadata.name === authenticationRef.name)).toBeDefined()
  }
})

test('to none only after a pause, and never for an outage of Redis', () => {
  const { spec } = objects.find(({ kind }) => kind === 'ScaledObject')!
  expect(spec).toMatchObject({ minReplicaCount: 0, fallback: { behavior: 'currentReplicas' } })
  expect(spec.cooldownPeriod).toBeGreaterThanOrEqual(300)
})

test('the lists are those in which jobs wait, and in which they are while a worker has them', async () => {
  await using redis = await startRedis()
  await using connection = await connectRedis({ url: redis.url, name: 'test', onTrouble: () => { /* not here */ }, onRecovered: () => { /* nor here */ } })
  await using queues = new BullQueues(connection, { onProblem: (message, error) => { throw new Error(message, { cause: error }) } })
  const lengths = async (list: string): Promise<Readonly<Record<string, number>>> => Object.fromEntries(await Promise.all(
    triggers.filter(({ name }) => name.endsWith(list)).map(async ({ name, metadata }) => [name, Number(await redis.ask('LLEN', metadata.listName))] as const),
  ))
  for (const kind of queueKinds) await queues.of('m')[kind].add([{ node: 'a' as NodeKey }, { node: 'b' as NodeKey }])
  expect(await lengths('wait')).toEqual({ 'images-wait': 2, 'blobs-wait': 2, 'manifests-wait': 2 })
  const held = Promise.withResolvers<void>()
  let count = 0
  const taken = new Promise<void>((resolve) => {
    for (const kind of queueKinds) {
      queues.process(kind, async () => {
        if (++count === 6) resolve()
        await held.promise
      }, { concurrency: 2 })
    }
  })
  await taken
  expect(await lengths('active')).toEqual({ 'images-active': 2, 'blobs-active': 2, 'manifests-active': 2 })
  expect(await lengths('wait')).toEqual({ 'images-wait': 0, 'blobs-wait': 0, 'manifests-wait': 0 })
  held.resolve()
})
