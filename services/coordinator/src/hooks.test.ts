// Hooks are commands of whoever submits: a coordinator calls them where it may, and nowhere else; be they submitted or found in Redis.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool } from '@longshore/pool'
import { redisSettings } from '@longshore/redis'
import { parseSpecs } from '@longshore/spec'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stand, startStand } from './coordinator.fixture.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-hooks-')) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const specFor = ({ source, destination }: Stand, file: string): string => JSON.stringify({
  version: 1, from: source.host, to: `${destination.host}/m`, images: ['team/app0:1', 'team/app1:1'], onMissingRepository: { command: ['sh', '-c', 'echo "$LONGSHORE_REPOSITORY" >>"$1"', 'sh', file] },
})
const submit = async (stand: Stand, spec: string): Promise<Response> => stand.ask('/migrations?srcTlsVerify=false&destTlsVerify=false', { method: 'POST', body: spec, headers: { 'content-type': 'application/yaml' } })

describe('hooks', () => {
  test('are called once each where the coordinator may', async () => {
    await using stand = await startStand({ images: 2, env: { LONGSHORE_ALLOW_HOOKS: 'true', PATH: process.env['PATH'] ?? '' } })
    const file = join(folder, 'called')
    const answer = await submit(stand, specFor(stand, file))
    expect(answer.status).toBe(201)
    const { id } = await answer.json() as { id: string }
    expect(await stand.untilState(id, 'complete')).toMatchObject({ images: { copied: 2, failed: 0 } })
    expect((await readFile(file, 'utf8')).trim().split('\n').toSorted()).toEqual(['m/team/app0', 'm/team/app1'])
  })

  test('are called again by a retry, for the repositories that were not made, until they are', async () => {
    await using stand = await startStand({ images: 3, env: { LONGSHORE_ALLOW_HOOKS: 'true', PATH: process.env['PATH'] ?? '' } })
    const [calls, mended] = [join(folder, 'again'), join(folder, 'mended')]
    const script = 'echo "$LONGSHORE_REPOSITORY" >>"$1"; case "$LONGSHORE_REPOSITORY" in */app0) exit 0;; esac; test -e "$2" || { echo "no repository for you, try $(wc -l <"$1")" >&2; exit 3; }'
    const spec = JSON.stringify({ version: 1, from: stand.source.host, to: `${stand.destination.host}/m`, images: ['team/app0:1', 'team/app1:1', 'team/app2:1'], onMissingRepository: { command: ['sh', '-c', script, 'sh', calls, mended] } })
    const { id } = await (await submit(stand, spec)).json() as { id: string }
    const called = async (): Promise<readonly string[]> => (await readFile(calls, 'utf8')).trim().split('\n').toSorted()
    const retry = async (): Promise<Record<string, unknown>> => {
      expect((await stand.ask(`/migrations/${id}/retry`, { method: 'POST' })).status).toBe(200)
      return await stand.untilState(id, 'complete')
    }
    expect(await stand.untilState(id, 'complete')).toMatchObject({ images: { copied: 1, failed: 2 } })
    expect(await called()).toEqual(['m/team/app0', 'm/team/app1', 'm/team/app2'])
    expect(await retry()).toMatchObject({ images: { copied: 1, failed: 2 } })
    expect(await called()).toEqual(['m/team/app0', 'm/team/app1', 'm/team/app1', 'm/team/app2', 'm/team/app2'])
    expect(stand.destination.requests.filter(({ repository, method }) => repository?.startsWith('m/team/app0') === false && method === 'POST')).toEqual([])
    expect(await (await stand.ask(`/migrations/${id}/images?state=failed`)).text()).toMatch(/no repository for you, try [45]/)
    await writeFile(mended, '')
    expect(await retry()).toMatchObject({ images: { copied: 3, failed: 0 } })
    expect((await called()).filter((name) => name === 'm/team/app1')).toHaveLength(3)
    expect(stand.destination.tag('m/team/app2', '1')).toBeDefined()
  })

  test('of a cutover that cannot be called are found when it is begun', async () => {
    await using stand = await startStand({ images: 1, env: { LONGSHORE_ALLOW_HOOKS: 'true' } })
    const spec = JSON.stringify({
      version: 1, from: stand.source.host, to: stand.destination.host, images: ['team/app0:1'],
      cutover: { freeze: { hook: { command: ['/no/such/freeze'] }, thaw: { http: { url: 'https://${THAW_HOST}/' } } } },
    })
    const answer = await stand.ask('/cutovers', { method: 'POST', body: spec, headers: { 'content-type': 'application/yaml' } })
    expect([answer.status, await answer.json()]).toEqual([422, expect.objectContaining({ code: 'SPEC_INVALID', problems: [
      { file: 'spec.yaml', line: 1, column: expect.any(Number), message: expect.stringContaining('cutover.freeze.hook: "/no/such/freeze" is not there; put it there') },
      { file: 'spec.yaml', line: 1, column: expect.any(Number), message: expect.stringContaining('cutover.freeze.thaw: its URL needs THAW_HOST') },
    ] })])
    expect(await (await stand.ask('/cutovers')).json()).toEqual({ cutovers: [] })
  })

  test('are refused elsewhere, also where the spec came by way of Redis', async () => {
    await using stand = await startStand({ images: 2 })
    const file = join(folder, 'not-called')
    const refused = await submit(stand, specFor(stand, file))
    expect([refused.status, await refused.json()]).toEqual([403, expect.objectContaining({ code: 'HOOKS_NOT_ALLOWED', detail: expect.stringContaining('--allow-hooks') as unknown })])

    const { migration } = await parseSpecs([{ name: 'spec.yaml', content: specFor(stand, file) }], {})
    const redis = redisSettings({}, () => '', stand.redis.url)
    if (!redis) throw new Error('no Redis')
    await using pool = await openPool(redis, { recordMs: 60_000, name: 'test-submitter', onSay: () => {} })
    const { record: { id } } = await pool.store.submit(migration, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 16 })
    expect(await stand.untilState(id, 'failed')).toMatchObject({ error: { code: 'HOOKS_NOT_ALLOWED' } })
    await expect(readFile(file)).rejects.toThrow('ENOENT')
    expect(stand.destination.requests.filter(({ method }) => method === 'POST')).toEqual([])
  })
})
