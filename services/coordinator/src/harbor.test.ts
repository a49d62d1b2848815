// A Harbor as the destination of what is submitted: the coordinator makes the projects with its own credentials, before workers come to the images.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertIntact, type Credentials, type EmbeddedHarbor, startEmbeddedHarbor } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stand, startStand } from './coordinator.fixture.ts'

let folder: string
let harbor: EmbeddedHarbor
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-coordinator-harbor-'))
  harbor = await startEmbeddedHarbor()
})
afterAll(async () => {
  await harbor[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const basic = ({ name, password }: Credentials): string => Buffer.from(`${name}:${password}`).toString('base64')

/** A coordinator and a worker that are known to Harbor as this account. */
async function standAs(account: Credentials): Promise<Stand> {
  const file = join(folder, 'auth.json')
  await writeFile(file, JSON.stringify({ auths: { [harbor.host]: { auth: basic(account) } } }))
  return await startStand({ images: 2, env: { REGISTRY_AUTH_FILE: file }, flags: { access: { srcNoCreds: true } } })
}
const spec = ({ source }: Stand, namespace: string, cutover?: object): string => JSON.stringify({
  version: 1, from: source.host, to: harbor.host, images: ['team/app0:1', 'team/app1:1'], ...(cutover ? { cutover } : {}),
  harbor: { [harbor.host]: { createProjects: true, namespaces: { team: namespace }, project: { public: false, quota: '1GiB', autoScan: true } } },
})
const submit = async (stand: Stand, where: 'migrations' | 'cutovers', body: string): Promise<{ readonly status: number; readonly id: string }> => {
  const answer = await stand.ask(`/${where}?srcTlsVerify=false&destTlsVerify=false`, { method: 'POST', body, headers: { 'content-type': 'application/yaml' } })
  return { status: answer.status, ...await answer.json() as { readonly id: string } }
}
const projectNamed = async (name: string): Promise<unknown> => await (await fetch(`${harbor.url}/api/v2.0/projects/${name}`, { headers: { authorization: `Basic ${basic(harbor.admin)}` } })).json()

describe('createProjects', () => {
  test('makes what is missing, as the spec has it, with a robot account that may do just that', async () => {
    const mover = harbor.addRobot('mover', { access: ['repository:pull', 'repository:push'], system: ['project:create'] })
    await using stand = await standAs(mover)
    const { status, id } = await submit(stand, 'migrations', spec(stand, 'made'))
    expect(status).toBe(201)
    expect(await stand.untilState(id, 'complete')).toMatchObject({ images: { copied: 2, failed: 0 } })
    expect(await projectNamed('made')).toMatchObject({ name: 'made', metadata: { public: 'false', auto_scan: 'true' } })
    for (const app of ['app0', 'app1']) await assertIntact(harbor.url, `made/${app}`, '1', { authorization: `Basic ${basic(harbor.admin)}` })
    expect(stand.logged()).toContain(`made the project made of ${harbor.host}`)

    // A cutover's passes are migrations of their own; each of them looks.
    const cutover = await submit(stand, 'cutovers', spec(stand, 'day', { delta: { every: '1s' }, freeze: { when: 'caught-up' } }))
    for (let i = 0; ; i++) {
      const { phase, trouble, decision } = await (await stand.ask(`/cutovers/${cutover.id}`)).json() as { readonly phase: string; readonly trouble?: unknown; readonly decision?: unknown }
      if (phase === 'go') break
      if (i > 600 || phase === 'no-go') throw new Error(`it came to ${phase}: ${JSON.stringify({ trouble, decision })}`)
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
    expect(await projectNamed('day')).toMatchObject({ name: 'day' })
    expect(harbor.count({ method: 'POST', path: /^\/api\/v2.0\/projects$/ })).toBe(2)
    expect(stand.logged()).not.toContain(mover.password)
  }, 60_000)

  test('ends the migration before anything moves where the account may not', async () => {
    await using stand = await standAs(harbor.addRobot('pusher', { access: ['repository:pull', 'repository:push'] }))
    const { id } = await submit(stand, 'migrations', spec(stand, 'forbidden'))
    const ended = await stand.untilState(id, 'failed')
    expect(ended).toMatchObject({ error: { code: 'DESTINATION_NOT_READY', message: expect.stringContaining('the project is missing and could not be made') as unknown } })
    expect(stand.source.requests.filter(({ kind }) => kind === 'blob-get')).toEqual([])
  })
})
