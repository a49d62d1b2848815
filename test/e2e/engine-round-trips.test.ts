// From every place to an engine and back, and from one engine to the other: the configuration keeps its digest, and with it the image its ID and its layers their diff IDs.
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDockerRegistry } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEngine } from '../../packages/engines/src/engines.fixture.ts'
import { longshore } from './cli-process.ts'
import { realSkopeo } from './skopeo-images.ts'

const run = promisify(execFile)
/** No configuration of this machine's, which may name a container runtime that is not there: nothing is run. */
const env = { CONTAINERS_CONF: '/dev/null' }
let folder: string
let stack: AsyncDisposableStack
let host: string
/** Of the image's configuration. */
let id: string

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  folder = join(tmpdir(), `longshore-round-${randomUUID().slice(0, 8)}`)
  await mkdir(folder)
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  host = stack.use(await startDockerRegistry()).host
  stack.use(await startEngine(`vfs@${folder}/engine-root+${folder}/engine-run`, `${folder}/engine.sock`))
  for (const name of ['one', 'two']) {
    await writeFile(join(folder, name), `content of ${name} `.repeat(1000))
    await run('tar', ['-C', folder, '-cf', join(folder, `${name}.tar`), name])
  }
  await run(realSkopeo, ['--insecure-policy', 'copy', '-q', 'tarball:one.tar:two.tar', 'oci:first:a'], { cwd: folder })
  id = await configOf('oci:first:a')
  expect(id).toMatch(/^[0-9a-f]{64}$/)
}, 120_000)
afterAll(async () => { await stack.disposeAsync() })

const tls = { docker: (side: string) => [`--${side}-tls-verify=false`], 'docker-daemon': (side: string) => [`--${side}-daemon-host=unix://${folder}/engine.sock`] } as const
const flagsOf = (side: 'src' | 'dest', name: string): readonly string[] => tls[name.split(':')[0] as keyof typeof tls]?.(side) ?? []
const ours = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await longshore(args, { cwd: folder, env: { ...env, TMPDIR: folder } })
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}
async function copy(from: string, to: string): Promise<void> { await ours('copy', '-q', '--insecure-policy', ...flagsOf('src', from), ...flagsOf('dest', to), from, to) }
async function configOf(name: string): Promise<string> {
  const flags = name.startsWith('docker:') ? ['--tls-verify=false'] : name.startsWith('docker-daemon:') ? [`--daemon-host=unix://${folder}/engine.sock`] : []
  return createHash('sha256').update(await ours('inspect', '--config', '--raw', ...flags, name)).digest('hex')
}

const places: Readonly<Record<string, (name: string) => string>> = {
  docker: (name) => `docker://${host}/team/${name}:1`, dir: (name) => `dir:${folder}/dir-${name}`, oci: (name) => `oci:${folder}/oci-${name}:1`,
  'oci-archive': (name) => `oci-archive:${folder}/${name}-oci.tar:1`, 'docker-archive': (name) => `docker-archive:${folder}/${name}-docker.tar:localhost/team/${name}:1`,
  'registry-storage': (name) => `registry-storage:${folder}/tree-${name}:team/${name}:1`,
}
const engines: Readonly<Record<string, (name: string) => string>> = {
  'containers-storage': (name) => `containers-storage:[vfs@${folder}/root+${folder}/run]localhost/team/${name}:1`, 'docker-daemon': (name) => `docker-daemon:localhost/team/${name}:1`,
}

test.for(Object.keys(engines).flatMap((engine) => Object.keys(places).map((place) => [place, engine] as const)))('%s, then %s, then back', { timeout: 120_000 }, async ([place, engine]) => {
  const [there, back, inEngine] = [places[place]!(`${engine}-one`), places[place]!(`${engine}-two`), engines[engine]!(`from-${place}`)]
  await copy(`oci:first:a`, there)
  await copy(there, inEngine)
  expect(await configOf(inEngine)).toBe(id)
  await copy(inEngine, back)
  expect(await configOf(back)).toBe(id)
})

test('one engine, then the other, then back', { timeout: 120_000 }, async () => {
  const [first, second] = Object.values(engines)
  await copy('oci:first:a', first!('across'))
  await copy(first!('across'), second!('across'))
  await copy(second!('across'), first!('again'))
  expect(await Promise.all([second!('across'), first!('again')].map(configOf))).toEqual([id, id])
})

test('plain tar files, into either', { timeout: 120_000 }, async () => {
  for (const engine of Object.values(engines)) {
    await copy('tarball:one.tar:two.tar', engine('made'))
    expect(await configOf(engine('made'))).toMatch(/^[0-9a-f]{64}$/)
  }
})
