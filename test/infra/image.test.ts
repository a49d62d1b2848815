// The image, built and run as a user would. On a new machine most of the time goes to the Debian it stands on; later runs find podman's layers.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildImage, image, podman, removeContainers, runImage, startImage, tryPodman } from './image.ts'
import { root } from './tools.ts'

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> }
const alone = ['--network', 'none'] as const

// Starting a container takes a second, on a busy machine five.
vi.setConfig({ testTimeout: 120_000 })

beforeAll(buildImage, 1_200_000)
afterAll(removeContainers)

interface Inspected {
  readonly Config: { readonly User: string; readonly Entrypoint: readonly string[]; readonly Labels: Readonly<Record<string, string>>; readonly ExposedPorts: object }
  readonly Healthcheck: { readonly Test: readonly string[] }
  readonly Size: number
}

async function inspect(name: string): Promise<Inspected> {
  return (JSON.parse((await podman(['image', 'inspect', name])).stdout) as readonly Inspected[])[0]!
}

async function sh(script: string, options: readonly string[] = []): Promise<string> {
  return (await podman(['run', '--rm', '--pull=never', '--no-healthcheck', '--network', 'none', ...options, '--entrypoint', 'sh', image, '-c', script])).stdout
}

describe('what it is', () => {
  test('a user of its own, a process 1 that passes signals on, a health check, labels', async () => {
    const { Config, Healthcheck } = await inspect(image)
    expect(Config).toMatchObject({
      User: '10001:10001', Entrypoint: ['/usr/bin/tini', '--', '/longshore/bin/longshore'], ExposedPorts: { '8080/tcp': {}, '8081/tcp': {} },
    })
    expect(Healthcheck.Test).toEqual(['CMD', '/longshore/node_modules/.bin/node', '/longshore/healthcheck.mjs'])
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'longshore', 'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': '0.0.0-test', 'org.opencontainers.image.revision': 'tested',
    })
  })

  test('little more than Node and the packages', async () => {
    const layers = (await inspect(image)).Size - (await inspect('localhost/longshore-tests/debian:bookworm')).Size
    process.stderr.write(`image: ${Math.round(layers / 1e6)} MB upon Debian\n`)
    expect(layers).toBeLessThan(210e6)
  })

  test("package-lock.json's Node, none of the tools that built it, no tests", async () => {
    expect(await sh('/longshore/node_modules/.bin/node --version')).toBe(`v${lock.packages['node_modules/node']!.version}\n`)
    expect(await sh('command -v npm node turbo; ls /longshore/node_modules | grep -xE "vitest|typescript|turbo|oxlint|kubernetes-models"; find /longshore -path "*/node_modules/*" -prune -o -name "*.test.ts" -print; true')).toBe('')
  })

  test('nothing of how the build reached its registries', async () => {
    expect(await sh('ls -A /root /tmp /run/secrets 2>/dev/null | grep -v "^\\.bashrc$\\|^\\.profile$"; cat /longshore/.npmrc', ['--user', '0'])).not.toMatch(/npmrc|registry ?=|cafile|_auth/i)
    expect((await podman(['history', '--no-trunc', image])).stdout).not.toMatch(/cafile|_auth|BEGIN CERTIFICATE/)
  })

  test('the user that runs it can change nothing of it', async () => {
    expect(await sh('find /longshore /usr /etc -writable -not -type l 2>/dev/null; touch /longshore/packages/x 2>/dev/null; echo $?')).toBe('1\n')
  })
})

describe('run read-only, without capabilities, with nothing that can be written, without a network', () => {
  test('--version and --help', async () => {
    const version = await runImage(alone, ['--version'])
    expect(version.stderr).toBe('')
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await runImage(alone, [])).stdout).toContain('migrate')
    const cutover = await runImage(alone, ['cutover', '--help'])
    expect(cutover).toMatchObject({ code: 0, stderr: '' })
    for (const command of ['status', 'freeze', 'unfreeze', 'abort', 'report']) expect(cutover.stdout).toContain(command)
  })

  test('every package that the commands of a cutover load when they are called', async () => {
    // Each ends with what it has to say of a place where nothing answers, and not because a module is missing.
    const folder = mkdtempSync(join(tmpdir(), 'longshore-image-spec-'))
    try {
      const spec = join(folder, 'rules.yaml')
      writeFileSync(spec, 'version: 1\nfrom: 127.0.0.1:1\nto: 127.0.0.1:2/m\nharbor: { 127.0.0.1:2: { createProjects: true } }\nimages: [{ name: team/app }]\n')
      for (const args of [['cutover', '/rules.yaml', '--state', '/tmp/state', '--until-delta', '1'], ['prune', '/rules.yaml'], ['plan', '/rules.yaml'], ['mapping', '/rules.yaml', '--format', 'csv']]) {
        // A cutover would try again for as long as it may.
        const { code, stdout, stderr } = await runImage([...alone, '--volume', `${spec}:/rules.yaml:ro`, '--tmpfs', '/tmp', ...(args[0] === 'cutover' ? ['--timeout', '10'] : [])], args)
        expect(`${stdout}${stderr}`, args[0]).not.toMatch(/ERR_MODULE_NOT_FOUND|Cannot find (?:module|package)/)
        expect(`${stdout}${stderr}`, args[0]).toContain('127.0.0.1:')
        expect(code, args[0]).toBeGreaterThan(0)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('demo moves and verifies images', async () => {
    const demo = await runImage(alone, ['demo'])
    expect(demo.stderr).not.toMatch(/error|EROFS|warning|cannot/i)
    expect(demo).toMatchObject({ code: 0 })
    expect(demo.stdout).toMatch(/images +\d+ of \d+ are as they should be/)
  })

  test('for any user, as OpenShift gives it one', async () => {
    expect(await runImage([...alone, '--user', '1000650000:0'], ['demo'])).toMatchObject({ code: 0 })
  })

  test("starts from Node's compile cache that the build filled", async () => {
    // The services end at once, for a wrong setting: after they have loaded.
    for (const args of [['migrate', '--help'], ['worker', '--listen', 'nowhere'], ['coordinator', '--listen', 'nowhere']]) {
      const { stdout, stderr } = await runImage([...alone, '--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', '--env', 'LONGSHORE_REDIS_URL=redis://127.0.0.1', '--env', 'LONGSHORE_TOKEN=a-token'], args)
      const said = stdout + stderr
      const accepted = said.match(/was accepted/g)?.length ?? 0
      expect(accepted, args[0]).toBeGreaterThan(20)
      // What only a wrong setting loads may be cold.
      expect(said.match(/was not initialized|no such file|was rejected/g)?.length ?? 0, args[0]).toBeLessThan(accepted / 10)
    }
  })

  test('ends a wrong command line with 2, as everywhere', async () => {
    expect(await runImage(alone, ['migrate', '--no-such-flag'])).toMatchObject({ code: 2 })
  })
})

describe('SIGTERM', () => {
  const held: Server = createServer(() => { /* never answers */ })
  const folder = mkdtempSync(join(tmpdir(), 'longshore-image-'))
  beforeAll(async () => {
    held.listen(0, '127.0.0.1')
    await once(held, 'listening')
  })
  afterAll(() => {
    held.closeAllConnections()
    held.close()
    rmSync(folder, { recursive: true })
  })

  test('reaches the process that moves images', async () => {
    const host = `127.0.0.1:${(held.address() as AddressInfo).port}`
    const asked = once(held, 'request')
    const spec = join(folder, 'images.txt')
    writeFileSync(spec, `${host}/a:1\n`)
    await using container = await startImage(['--volume', `${spec}:/images.txt:ro`], ['migrate', '/images.txt', '--to', `${host}/b`, '--src-tls-verify=false', '--dest-tls-verify=false'])
    await asked
    const started = Date.now()
    await podman(['kill', '--signal', 'TERM', container.name])
    expect((await podman(['wait', container.name])).stdout.trim()).toBe('130')
    expect(Date.now() - started).toBeLessThan(15_000)
  })
})

describe('the services', () => {
  test('a coordinator and a worker serve, are healthy, and end at SIGTERM with 0', async () => {
    await using redis = await startRedis({ aof: true, password: 'redis-password' })
    const env = ['--env', `LONGSHORE_REDIS_URL=${redis.url}`, '--env', 'LONGSHORE_REDIS_PASSWORD=redis-password', '--env', 'LONGSHORE_TOKEN=an-api-token-of-some-length']
    const ports = { coordinator: await freePort(), worker: await freePort() }
    await using coordinator = await startImage([...env, '--env', `LONGSHORE_LISTEN=127.0.0.1:${ports.coordinator}`], ['coordinator'])
    // A flag, where the other has a variable.
    await using worker = await startImage(env, ['worker', '--listen', `127.0.0.1:${ports.worker}`])
    const logs = async (): Promise<string> => `${await coordinator.logs()}\n${await worker.logs()}`
    for (const [service, port] of Object.entries(ports)) {
      await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, async () => `the ${service} to be ready: ${await logs()}`)
      expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(401)
      expect(await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: 'Bearer an-api-token-of-some-length' } })).text()).toContain('longshore_redis_up 1')
    }
    for (const container of [coordinator, worker]) {
      expect(await tryPodman(['exec', container.name, '/longshore/node_modules/.bin/node', '/longshore/healthcheck.mjs'])).toMatchObject({ code: 0, stderr: '' })
      expect((await podman(['exec', container.name, 'cat', '/proc/1/comm'])).stdout.trim()).toBe('tini')
      const started = Date.now()
      await podman(['kill', '--signal', 'TERM', container.name])
      expect((await podman(['wait', container.name])).stdout.trim()).toBe('0')
      expect(Date.now() - started).toBeLessThan(10_000)
      const log = await container.logs()
      expect(log).not.toMatch(/redis-password|an-api-token/)
      for (const line of log.trim().split('\n')) expect(JSON.parse(line), line).toHaveProperty('msg')
    }
  })

  test('the health check of a service that does not answer fails, and says where it asked', async () => {
    // Process 1 is a shell whose arguments are a service's.
    const check = async (...args: readonly string[]) => tryPodman(['run', '--rm', '--pull=never', ...alone, '--no-healthcheck', '--entrypoint', 'sh', image, '-c', '/longshore/node_modules/.bin/node /longshore/healthcheck.mjs; exit $?', 'longshore', ...args])
    expect(await check('worker')).toMatchObject({ code: 1, stderr: expect.stringContaining('/healthz of the worker at 127.0.0.1:8081: ') as unknown })
    expect(await check('coordinator', '--listen=:9000')).toMatchObject({ code: 1, stderr: expect.stringContaining('coordinator at 127.0.0.1:9000: ') as unknown })
    expect(await check('migrate', 'images.txt')).toMatchObject({ code: 0 })
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function until(isTrue: () => Promise<boolean>, what: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + 40_000
  while (!await isTrue().catch(() => false)) {
    if (Date.now() > deadline) throw new Error(`waited 40 s for ${await what()}`)
    await delay(100)
  }
}
