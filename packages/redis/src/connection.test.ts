import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type Certificates, type RedisServer, selfSignedCert, startRedis, startTcpProxy } from '@longshore/testing'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectRedis, type RedisConnection, type RedisConnectionOptions, redisTimeMs } from './connection.ts'
import { untilAnswered } from './interrupted.ts'

const told: string[] = []
let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
  told.length = 0
})

async function connect(url: string, options: Partial<RedisConnectionOptions> = {}): Promise<RedisConnection> {
  return stack.use(await connectRedis({ url, name: 'test', onTrouble: (message) => { told.push(message) }, onRecovered: () => { told.push('recovered') }, ...options }))
}

async function start(...options: Parameters<typeof startRedis>): Promise<RedisServer> { return stack.use(await startRedis(...options)) }

describe('the first connect', () => {
  test('is known by its name, and so are its duplicates', async () => {
    const server = await start()
    const connection = await connect(server.url, { name: 'long shore\n1' })
    await connection.duplicate('blocking').ping()
    expect(await server.ask('client', 'list')).toMatch(/name=long-shore-1 /)
    expect(await server.ask('client', 'list')).toMatch(/name=long-shore-1:blocking /)
    expect(Math.abs(await redisTimeMs(connection.client) - Date.now())).toBeLessThan(1000)
    expect(connection.warnings).toEqual([])
  })

  test('by a Unix socket, and a database of its own', async () => {
    const server = await start()
    await (await connect(`unix://${server.socket}`)).client.set('a', '1')
    await (await connect(`${server.url}/3`)).client.set('b', '2')
    expect(await server.ask('-n', '0', 'keys', '*')).toBe('a')
    expect(await server.ask('-n', '3', 'keys', '*')).toBe('b')
  })

  test('gives up after a while, in one line', async () => {
    const begun = Date.now()
    await expect(connect('redis://app:SECRET@127.0.0.1:1', { connectMs: 300 })).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
      message: 'redis://app:***@127.0.0.1:1: nothing listens there (ECONNREFUSED), for 0.3 s; check host, port and network, and that Redis runs there',
    })
    expect(Date.now() - begun).toBeLessThan(2500)
    await expect(connect('redis://no-such-host.invalid', { connectMs: 500 })).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' })
    expect(told).toEqual([])
  })

  test('waits for a server that is being started', async () => {
    const server = await start()
    await server.stop()
    const connecting = connect(server.url)
    await delay(500)
    await server.start()
    expect(await (await connecting).client.ping()).toBe('PONG')
  })

  test.each([
    ['no password', {}, /wants a password/], ['a wrong one', { password: 'SECRET' }, /refused/], ['another user', { username: 'nobody', password: 'SECRET' }, /refused/],
  ])('%s is told at once', async (_, credentials, why) => {
    const server = await start({ password: 'right' })
    const begun = Date.now()
    const error = await connect(server.url, credentials).then(() => undefined, (caught: unknown) => caught as Error)
    expect(error).toMatchObject({ code: 'REDIS_AUTH_FAILED' })
    expect(error?.message).toMatch(why)
    expect(error?.message).not.toContain('SECRET')
    expect(Date.now() - begun).toBeLessThan(3000)
    expect(await (await connect(server.url, { password: 'right' })).client.ping()).toBe('PONG')
  })

  test('an eviction policy is warned of', async () => {
    const server = await start({ args: ['--maxmemory-policy', 'allkeys-lru'] })
    expect((await connect(server.url)).warnings).toEqual([expect.stringMatching(/maxmemory-policy is allkeys-lru.*noeviction/)])
  })

  test('a node of a cluster wants another URL, and a single server no cluster URL', async () => {
    const [node, single] = await Promise.all([start({ cluster: true }), start()])
    await expect(connect(node.url)).rejects.toMatchObject({ code: 'REDIS_WRONG_MODE', message: expect.stringContaining('redis+cluster://') as string })
    await expect(connect(single.url.replace('redis', 'redis+cluster'))).rejects.toMatchObject({ code: 'REDIS_WRONG_MODE', message: expect.stringContaining('redis://') as string })
    await expect(connect(`${single.url.replace('redis', 'redis+sentinel')}/main`)).rejects.toMatchObject({ code: 'REDIS_WRONG_MODE', message: expect.stringContaining('no Sentinel') as string })
    await expect(connect(`${single.url}/99`)).rejects.toMatchObject({ code: 'REDIS_WRONG_MODE', message: expect.stringContaining('no such database') as string })
  })
})

describe('TLS', () => {
  let certificates: Certificates
  beforeAll(async () => { certificates = await selfSignedCert() })

  test('with its CA; without, its certificate is not trusted', async () => {
    const server = await start({ tls: certificates, args: ['--bind', '127.0.0.1', '127.0.0.2'] })
    expect(await (await connect(server.url, { tls: { ca: certificates.ca } })).client.ping()).toBe('PONG')
    expect(await (await connect(server.url, { tls: { verify: false } })).client.ping()).toBe('PONG')
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'REDIS_TLS_FAILED', message: expect.stringContaining('LONGSHORE_REDIS_CA') as string })
    await expect(connect(server.url.replace('127.0.0.1', '127.0.0.2'), { tls: { ca: certificates.ca } })).rejects.toMatchObject({
      code: 'REDIS_TLS_FAILED', message: expect.stringContaining('for another host') as string,
    })
  })

  test('with a certificate of its own, where one is wanted', async () => {
    const server = await start({ tls: certificates, clientCertificates: true })
    expect(await (await connect(server.url, { tls: { ca: certificates.ca, ...certificates.client } })).client.ping()).toBe('PONG')
    await expect(connect(server.url, { tls: { ca: certificates.ca }, connectMs: 3000 })).rejects.toThrow(/client certificate.*LONGSHORE_REDIS_CERT/)
  })

  test('one side speaks it, the other does not', async () => {
    const [plain, secure] = await Promise.all([start(), start({ tls: certificates })])
    await expect(connect(plain.url.replace('redis', 'rediss'), { connectMs: 7000 })).rejects.toThrow(/speaks plain Redis.*rediss/)
    await expect(connect(secure.url.replace('rediss', 'redis'), { connectMs: 2000 })).rejects.toThrow(/speaks TLS.*rediss/)
  })
})

test('commands of one turn go in one write', async () => {
  const server = await start()
  const { client } = await connect(server.url)
  const reads = async (): Promise<number> => Number(/total_reads_processed:(\d+)/.exec(await server.ask('info', 'stats'))?.[1])
  const before = await reads()
  expect(await Promise.all(Array.from({ length: 100 }, () => client.incr('n')))).toHaveLength(100)
  // One for those, one for each of the two questions, and perhaps a ping.
  expect(await reads() - before).toBeLessThan(10)
})

describe('an outage', () => {
  test('commands wait for a restart, and it is told once for all connections', async () => {
    const server = await start({ aof: true })
    const connection = await connect(server.url)
    const others = ['a', 'b', 'c'].map((purpose) => connection.duplicate(purpose))
    await Promise.all(others.map((client) => client.ping()))
    await connection.client.set('n', 0)
    await server.stop()
    const counting = [connection.client, ...others].map((client) => client.incr('n'))
    await vi.waitFor(() => { expect(told).toHaveLength(1) }, { timeout: 15_000 })
    expect(connection.isUp).toBe(false)
    expect(told[0]).toBe(`${server.url}: nothing listens there (ECONNREFUSED); work waits until it is back`)
    await delay(1500)
    await server.start()
    expect((await Promise.all(counting)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
    await vi.waitFor(() => { expect(told).toHaveLength(2) }, { timeout: 15_000 })
    expect(told[1]).toBe('recovered')
    expect(connection.isUp).toBe(true)
  })

  test('a cut connection is no outage: what was under way is asked again', async () => {
    const server = await start()
    const proxy = stack.use(await startTcpProxy(server.port))
    const connection = await connect(`redis://127.0.0.1:${proxy.port}`)
    const { client } = connection
    const lengths: number[] = []
    const pushing = (async () => { for (let i = 0; proxy.connections < 6; i++) lengths.push(await client.rpush('list', i)) })()
    for (let i = 1; i <= 5; i++) {
      await vi.waitFor(() => { expect(proxy.connections).toBe(i) }, { timeout: 5000, interval: 1 })
      await delay(5)
      proxy.cut()
    }
    await pushing
    // At least once: an answer that was lost is asked for again.
    expect(lengths.at(-1)).toBeGreaterThanOrEqual(lengths.length)
    expect(lengths.at(-1)).toBeLessThanOrEqual(lengths.length + 5)
    await delay(1200)
    expect(told).toEqual([])
  })

  test('a pipeline that was answered in part is done again', async () => {
    const server = await start()
    const proxy = stack.use(await startTcpProxy(server.port))
    const { client } = await connect(`redis://127.0.0.1:${proxy.port}`)
    await client.set('x', 'y'.repeat(10_000))
    let tries = 0
    const act = async (): Promise<unknown> => {
      tries++
      const pipeline = client.pipeline()
      for (let i = 0; i < 20; i++) pipeline.get('x')
      const results = await pipeline.exec()
      for (const [error] of results ?? []) if (error) throw error
      return results?.length
    }
    proxy.cutAnswerAfter(15_000)
    expect(await untilAnswered(act, () => false)).toBe(20)
    expect(tries).toBe(2)
  })

  test('a server that hangs for a moment is waited for', async () => {
    const server = await start()
    const { client } = await connect(server.url)
    server.freeze()
    const pong = client.ping()
    setTimeout(() => { server.thaw() }, 500)
    expect(await pong).toBe('PONG')
  })

  test('a server that hangs for longer is told, though its connections stay', async () => {
    const server = await start()
    const connection = await connect(server.url)
    connection.duplicate('other')
    server.freeze()
    const pong = connection.client.ping()
    await vi.waitFor(() => { expect(told).toEqual([`${server.url}: it does not answer; work waits until it is back`]) }, { timeout: 10_000 })
    expect(connection.isUp).toBe(false)
    server.thaw()
    expect(await pong).toBe('PONG')
    await vi.waitFor(() => { expect(told.slice(1)).toEqual(['recovered']) }, { timeout: 15_000 })
    expect(connection.isUp).toBe(true)
  })

  test.each([
    ['a replica', ['replicaof', '127.0.0.1', '1'], ['replicaof', 'no', 'one'], /replica/],
    ['too few replicas', ['config', 'set', 'min-replicas-to-write', '1'], ['config', 'set', 'min-replicas-to-write', '0'], /too few replicas/],
    ['no memory', ['config', 'set', 'maxmemory', '1'], ['config', 'set', 'maxmemory', '0'], /memory is full/],
  ])('refused for now (%s): waited for, and told once', async (_, worsen, mend, why) => {
    const server = await start()
    const { client } = await connect(server.url)
    client.defineCommand('put', { numberOfKeys: 1, lua: "return redis.call('SET', KEYS[1], ARGV[1])" })
    await server.ask(...worsen)
    const setting = Promise.all([client.set('a', 1), (client as unknown as { put(key: string, value: string): Promise<string> }).put('b', '2')])
    await delay(2500)
    expect(told).toEqual([expect.stringMatching(why)])
    await server.ask(...mend)
    expect(await setting).toEqual(['OK', 'OK'])
    await vi.waitFor(() => { expect(told).toEqual([expect.stringMatching(why), 'recovered']) }, { timeout: 15_000 })
  })

  test('closing during one ends quickly, and lets nobody wait', async () => {
    const server = await start()
    const connection = await connect(server.url)
    await server.stop()
    await delay(300)
    const waiting = connection.client.get('a').catch((error: unknown) => String(error))
    const begun = Date.now()
    await connection[Symbol.asyncDispose]()
    expect(Date.now() - begun).toBeLessThan(2500)
    expect(await waiting).toContain('Connection is closed')
    expect(told).toEqual([])
  })

  test('a password that is changed meanwhile is told as such', async () => {
    const server = await start({ password: 'SECRET' })
    await connect(server.url, { password: 'SECRET' })
    await server.ask('config', 'set', 'requirepass', 'other')
    await server.ask('-a', 'other', 'client', 'kill', 'type', 'normal')
    await vi.waitFor(() => { expect(told).toHaveLength(1) }, { timeout: 15_000 })
    expect(told[0]).toMatch(/password was refused/)
    expect(told[0]).not.toContain('SECRET')
  })
})

test('a process whose connect was ended is kept by nothing', async () => {
  const script = `
    import { connectRedis } from ${JSON.stringify(new URL('./connection.ts', import.meta.url).href)}
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 300)
    await connectRedis({ url: 'redis://127.0.0.1:1', name: 'x', onTrouble() {}, onRecovered() {}, signal: stop.signal }).catch((error) => { console.log(error.message) })`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  expect(said.toString()).toBe('enough\n')
  const begun = performance.now()
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(performance.now() - begun).toBeLessThan(1_500)
})
