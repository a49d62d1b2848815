import type { Descriptor, Digest, RepositoryName } from '@longshore/oci'
import { HandedOverError } from '@longshore/transfer'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keys, lifeMs } from './keys.ts'
import { openRedis } from './redis.fixture.ts'
import { UploadTurns } from './upload-turns.ts'

const desc: Descriptor = { mediaType: 'x', digest: `sha256:${'a'.repeat(64)}` as Digest, size: 10 }
const [here, there] = ['team/here', 'team/there'] as [RepositoryName, RepositoryName]
const io = { signal: AbortSignal.timeout(20_000) }

describe('the turn to send a blob to a registry', () => {
  let world: Awaited<ReturnType<typeof openRedis>>
  beforeAll(async () => { world = await openRedis() })
  afterAll(() => world[Symbol.asyncDispose]())
  beforeEach(async () => { await world.redis.flushall() })
  const enter = (turns: UploadTurns, repository = here, registry = 'dst', migration = 'm') => turns.of(migration).enter(registry, repository, desc, io)

  test('one sends, the other waits for it and then knows who has it', async () => {
    const [a, b] = [new UploadTurns(world.redis, 'a'), new UploadTurns(world.redis, 'b')]
    const mine = await enter(a)
    expect(mine.holder).toBeUndefined()
    let entered = false
    const waiting = enter(b, there).then((turn) => { entered = true; return turn })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(entered).toBe(false)
    await mine.end('pushed')
    expect((await waiting).holder).toBe(here)
  })

  test('a migration that comes again knows what it did itself, another does not', async () => {
    const [a, b] = [new UploadTurns(world.redis, 'a'), new UploadTurns(world.redis, 'b')]
    const first = await enter(a)
    expect(first.before).toBeUndefined()
    // As if Redis' clock had gone on by a life.
    await world.redis.hincrby(keys.upload('dst', desc.digest), 'until', -lifeMs)
    const second = await enter(b)
    expect(second.before).toBe('begun')
    await second.end()
    expect((await enter(b)).before).toBe('begun')
    await first.end('mounted')
    expect((await enter(b)).before).toBe('mounted')
    expect((await enter(b, there)).before).toBeUndefined()
    expect((await enter(b, here, 'dst', 'another')).before).toBeUndefined()
  })

  test('other registries do not wait', async () => {
    const a = new UploadTurns(world.redis, 'a')
    await enter(a)
    expect((await enter(new UploadTurns(world.redis, 'b'), here, 'other')).holder).toBeUndefined()
  })

  test('when it fails, the next one sends, and goes on where the first one stood', async () => {
    const [a, b] = [new UploadTurns(world.redis, 'a'), new UploadTurns(world.redis, 'b')]
    const mine = await enter(a)
    await mine.checkpoint.save({ location: '/v2/u/1', offset: 4 })
    await mine.end()
    const next = await enter(b)
    expect(next.checkpoint.saved).toEqual({ location: '/v2/u/1', offset: 4 })
    await next.end()
    // A session belongs to its repository.
    expect((await enter(a, there)).checkpoint.saved).toBeUndefined()
  })

  test('who is not heard of loses it, with all that was saved, and can change nothing any more', async () => {
    const [a, b] = [new UploadTurns(world.redis, 'a'), new UploadTurns(world.redis, 'b')]
    const late = await enter(a)
    await late.checkpoint.save({ location: '/v2/u/1', offset: 4 })
    // As if Redis' clock had gone on by a life.
    await world.redis.hincrby(keys.upload('dst', desc.digest), 'until', -lifeMs)
    const next = await enter(b)
    expect(next.checkpoint.saved).toEqual({ location: '/v2/u/1', offset: 4 })
    await late.checkpoint.save({ location: '/v2/u/late', offset: 9 })
    await late.end()
    expect(await world.redis.hmget(keys.upload('dst', desc.digest), 'token', 'location')).toEqual(['b 1', '/v2/u/1'])
  })

  test('a beat keeps it', async () => {
    const a = new UploadTurns(world.redis, 'a')
    await enter(a)
    const key = keys.upload('dst', desc.digest)
    await world.redis.hincrby(key, 'until', -lifeMs)
    const lapsed = Number(await world.redis.hget(key, 'until'))
    await a.beat()
    expect(Number(await world.redis.hget(key, 'until'))).toBeGreaterThan(lapsed + lifeMs / 2)
  })

  test('handing over tells the upload why', async () => {
    const a = new UploadTurns(world.redis, 'a')
    const { checkpoint } = await enter(a)
    a.handOver('dst', `sha256:${'b'.repeat(64)}`)
    expect(checkpoint.handOver?.aborted).toBe(false)
    a.handOver('dst', desc.digest)
    expect(checkpoint.handOver?.reason).toBeInstanceOf(HandedOverError)
  })

  test('what is remembered ends by itself', async () => {
    const turn = await enter(new UploadTurns(world.redis, 'a'))
    expect(await world.redis.pttl(keys.upload('dst', desc.digest))).toBeGreaterThan(0)
    await turn.end('pushed')
    expect(await world.redis.pttl(keys.upload('dst', desc.digest))).toBeGreaterThan(0)
  })
})
