// The Compose file, read by the real docker-compose; its Redis started as it says.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { unknownVariables } from '@longshore/telemetry'
import { freePort } from '@longshore/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { render } from './kustomize.ts'
import { variables } from './operations.ts'
import { findCompose, root, run, tryRun } from './tools.ts'

interface Service {
  readonly image: string
  readonly command: readonly string[] | null
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly ports?: ReadonlyArray<{ readonly host_ip?: string; readonly published: string; readonly target: number }>
  readonly container_name?: string
  readonly stop_grace_period?: string
  readonly restart?: string
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly volumes?: ReadonlyArray<{ readonly source: string; readonly target: string }>
}

const file = join(root, 'infra/compose/compose.yaml')
const secrets = { LONGSHORE_TOKEN: 'a-token', LONGSHORE_REDIS_PASSWORD: 'a-password' }
let compose = ''
let services: Readonly<Record<string, Service>> = {}

beforeAll(async () => {
  compose = await findCompose()
  const { stdout, stderr } = await run(compose, ['--file', file, '--profile', 'cli', 'config', '--format', 'json'], { env: secrets })
  expect(stderr).toBe('')
  services = (JSON.parse(stdout) as { services: Readonly<Record<string, Service>> }).services
}, 600_000)

test('it has the pool, two registries, and a command line for when it is asked for', async () => {
  expect(Object.keys(services).sort()).toEqual(['cli', 'coordinator', 'destination', 'redis', 'source', 'worker'])
  expect((await run(compose, ['--file', file, 'config', '--services'], { env: secrets })).stdout.trim().split('\n').sort()).toEqual(['coordinator', 'destination', 'redis', 'source', 'worker'])
})

test('no secret is in it, and it says which are missing', async () => {
  for (const name of Object.keys(secrets)) {
    const { code, stderr } = await tryRun(compose, ['--file', file, 'config'], { env: { ...secrets, [name]: '' } })
    expect(code).not.toBe(0)
    expect(stderr).toContain(`${name} is missing a value: set it in infra/compose/.env (README.md)`)
  }
  expect(readFileSync(join(root, 'infra/compose/.gitignore'), 'utf8')).toBe('.env\n')
})

test('workers can be as many as one likes', () => {
  const { worker } = services
  expect(worker).toMatchObject({ command: ['worker'], read_only: true })
  expect(worker!.ports).toBeUndefined()
  expect(worker!.container_name).toBeUndefined()
})

test('ours are one image, built from the Dockerfile, confined, stopped with patience', () => {
  for (const name of ['coordinator', 'worker', 'cli']) {
    const service = services[name]!
    expect(service, name).toMatchObject({
      image: 'longshore:latest', build: { context: root, dockerfile: 'infra/docker/Dockerfile' }, read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'],
    })
    expect(Object.keys(service.environment ?? {}).filter((variable) => !variables.has(variable)), name).toEqual([])
    expect(unknownVariables(service.environment ?? {}), name).toEqual([])
    if (name === 'cli') continue
    expect(Number.parseInt(service.stop_grace_period ?? '', 10), name).toBeGreaterThanOrEqual(Number(service.environment!['LONGSHORE_GRACE_SECONDS']) + 10)
    expect(service.depends_on, name).toMatchObject({ redis: { condition: 'service_healthy' } })
    expect(service.volumes!.map(({ target }) => target), name).toEqual([service.environment!['REGISTRY_AUTH_FILE']])
    expect(readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8')).toContain(`HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ${JSON.stringify(service.healthcheck!.test!.slice(1)).replace(',', ', ')}`)
  }
  // Who tells of changes, and whether hooks are called, is the coordinator's alone; neither unless it is said.
  expect(services['coordinator']!.environment).toMatchObject({ LONGSHORE_NOTIFICATION_SECRET: '', LONGSHORE_ALLOW_HOOKS: 'false' })
  for (const name of ['LONGSHORE_NOTIFICATION_SECRET', 'LONGSHORE_ALLOW_HOOKS']) expect(services['worker']!.environment).not.toHaveProperty(name)
  // The worker's only secret is Redis'.
  expect(services['worker']!.environment).not.toHaveProperty('LONGSHORE_TOKEN')
})

test('everything that is reached from outside is so on loopback alone', () => {
  for (const [name, { ports = [] }] of Object.entries(services)) for (const { host_ip } of ports) expect(host_ip, name).toBe('127.0.0.1')
  const [api] = services['coordinator']!.ports!
  expect(services['cli']!.environment!['LONGSHORE_SERVER']).toBe(`http://coordinator:${api!.target}`)
})

test('everything is watched', () => {
  for (const [name, { healthcheck }] of Object.entries(services)) if (name !== 'cli') expect(healthcheck?.test?.length, name).toBeGreaterThan(1)
})

test('bind mounts and links of the README lead somewhere', () => {
  const here = new Set(readdirSync(join(root, 'infra/compose')))
  expect([...here].sort()).toEqual(expect.arrayContaining(['README.md', 'auth.json', 'compose.yaml']))
  expect(JSON.parse(readFileSync(join(root, 'infra/compose/auth.json'), 'utf8'))).toEqual({ auths: {} })
  expect(readFileSync(join(root, 'infra/compose/README.md'), 'utf8')).toContain('docker compose up --detach --wait --scale worker=4')
})

describe('Redis', () => {
  // Without the image's own files: the command line of Compose and that of Kubernetes, in a folder of ours.
  const commands: ReadonlyArray<readonly [where: string, script: (folder: string) => Promise<string>]> = [
    ['Compose', async () => services['redis']!.command![2]!.replaceAll('$$', '$')],
    ['Kubernetes', async (folder) => {
      const objects = await render('overlays/redis')
      const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('longshore-redis'))!.data!['redis.conf']!
      writeFileSync(join(folder, 'redis.conf'), config.replaceAll('/data', folder))
      return (objects.find(({ kind }) => kind === 'StatefulSet')!.spec.template.spec.containers[0].command as readonly string[])[2]!.replaceAll('/etc/redis', folder)
    }],
  ]
  test.each(commands)('of %s keeps everything, evicts nothing, wants a password, and shows it nowhere', async (_, script) => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-compose-'))
    const port = await freePort()
    const text = (await script(folder)).replaceAll('/data', folder).replace(/^CONF$/m, `bind 127.0.0.1\nport ${port}\nCONF`)
    const server = spawn('sh', ['-ec', text], { env: { ...process.env, REDIS_PASSWORD: 'a-password' }, stdio: ['ignore', 'pipe', 'pipe'] })
    const gone = new Promise((resolve) => { server.once('exit', resolve) })
    try {
      const ask = async (auth: string, ...command: readonly string[]): Promise<string> => (await tryRun('redis-cli', ['-p', String(port), ...command], { env: { REDISCLI_AUTH: auth } })).stdout.trim()
      for (const deadline = Date.now() + 10_000; await ask('a-password', 'ping') !== 'PONG';) {
        if (Date.now() > deadline) throw new Error('Redis does not answer')
        await delay(50)
      }
      expect(await ask('', 'ping')).toContain('NOAUTH')
      const setting = async (name: string): Promise<string> => (await ask('a-password', 'CONFIG', 'GET', name)).split('\n')[1] ?? ''
      expect([await setting('appendonly'), await setting('appendfsync'), await setting('maxmemory-policy'), await setting('save'), await setting('dir')]).toEqual(['yes', 'everysec', 'noeviction', '', folder])
      expect(Number(await setting('maxmemory'))).toBe(384 * 1024 ** 2)
      // `exec`: signals reach Redis itself.
      expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).toMatch(/redis-server/)
      expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).not.toContain('a-password')
    } finally {
      server.kill()
      await gone
      rmSync(folder, { recursive: true })
    }
  })
})
