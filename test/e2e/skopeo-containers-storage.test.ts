// copy, inspect, list-tags and delete on the store of podman and CRI-O, from the real command line, beside the real skopeo and podman on the same store.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDockerRegistry } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, longshore } from './cli-process.ts'
import { messageOf, realSkopeo, skopeo } from './skopeo-images.ts'

const run = promisify(execFile)
/** No configuration of this machine's, which may name a container runtime that is not there: nothing is run. */
const env = { CONTAINERS_CONF: '/dev/null' }
let folder: string
let store: string

beforeAll(async () => {
  folder = join(tmpdir(), `longshore-store-${randomUUID().slice(0, 8)}`)
  await mkdir(join(folder, 'tmp'), { recursive: true })
  store = `[vfs@${folder}/root+${folder}/run]`
  await writeFile(join(folder, 'file'), 'content')
  await run('tar', ['-C', folder, '-cf', join(folder, 'layer.tar'), 'file'])
  await run(realSkopeo, ['--insecure-policy', 'copy', '-q', 'tarball:layer.tar', 'oci:oci:a'], { cwd: folder })
  for (const tag of ['1', '2']) expect(await ours('copy', '-q', '--insecure-policy', 'oci:oci:a', name(tag))).toEqual({ code: 0, stdout: '', stderr: '' })
}, 60_000)
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const name = (tag: string): string => `containers-storage:${store}localhost/team/app:${tag}`
const ours = (...args: readonly string[]): Promise<Finished> => longshore(args, { cwd: folder, env: { ...env, TMPDIR: join(folder, 'tmp') } })
const theirs = (...args: readonly string[]): Promise<Finished> => skopeo(args, { cwd: folder })
const idOf = async (tag: string): Promise<string> => (await podman('image', 'inspect', '--format', '{{.Id}}', `localhost/team/app:${tag}`))
const podman = async (...args: readonly string[]): Promise<string> => (await run('podman', ['--root', `${folder}/root`, '--runroot', `${folder}/run`, '--storage-driver', 'vfs', ...args], { env: { ...process.env, ...env } })).stdout.trim()

test('what was copied is podman\'s image, under both names, with the digest that it had', async () => {
  const { stdout: digest } = await theirs('inspect', '--format', '{{.Digest}}', 'oci:oci:a')
  expect((await podman('images', '--digests', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}}')).split('\n').sort()).toEqual(['1', '2'].map((tag) => `localhost/team/app:${tag} ${digest.trim()}`))
})

describe('inspect says what skopeo says of the same store', () => {
  test('the configuration, to the byte', async () => {
    const [a, b] = [await theirs('inspect', '--config', '--raw', name('1')), await ours('inspect', '--config', '--raw', name('1'))]
    expect(a).toMatchObject({ code: 0, stderr: '' })
    expect(b).toEqual(a)
  })

  test('the summary, but for what podman makes anew on the way: the manifest, and layers without compression', async () => {
    const parsed = ({ code, stdout, stderr }: Finished): Readonly<Record<string, unknown>> => {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout) as Readonly<Record<string, unknown>>
    }
    const [a, b] = [parsed(await theirs('inspect', name('1'))), parsed(await ours('inspect', name('1')))]
    const { Digest: digest, Layers: layers, LayersData: _data, ...said } = b
    const { Digest: _digest, Layers: _layers, ...wanted } = a
    expect(said).toEqual(wanted)
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    const { rootfs } = JSON.parse((await ours('inspect', '--config', '--raw', name('1'))).stdout) as { readonly rootfs: { readonly diff_ids: readonly string[] } }
    expect(layers).toEqual(rootfs.diff_ids)
  })

  test('by ID, with a template; nothing stays in the temporary directory', async () => {
    const args = ['inspect', '--format', '{{.Os}} {{len .Layers}}', `containers-storage:${store}@${await idOf('1')}`]
    expect(await ours(...args)).toEqual({ code: 0, stdout: 'linux 1\n', stderr: '' })
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
  })

  test('what is not there: 2, and its name in the message', async () => {
    const { code, stdout, stderr } = await ours('inspect', name('none'))
    // As skopeo's main branch has it; 1.9.3 says 1.
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(messageOf(stderr)).toContain('localhost/team/app:none')
    expect((await theirs('inspect', name('none'))).code).not.toBe(0)
  })
})

test('list-tags lists registries and docker-archives alone, in skopeo\'s words', async () => {
  for (const image of [`containers-storage:${store}localhost/team/app`, 'docker-daemon:localhost/team/app']) {
    const [a, b] = [await theirs('list-tags', image), await ours('list-tags', image)]
    expect({ code: b.code, stdout: b.stdout }).toEqual({ code: a.code, stdout: a.stdout })
    expect(messageOf(b.stderr)).toBe(messageOf(a.stderr))
    expect(b.code).toBe(1)
  }
})

test('through a registry and back, the image has the same ID', async () => {
  await using registry = await startDockerRegistry()
  const there = `docker://${registry.host}/team/app:1`
  expect(await ours('copy', '-q', '--insecure-policy', '--dest-tls-verify=false', name('1'), there)).toMatchObject({ code: 0, stderr: '' })
  expect(await ours('copy', '-q', '--insecure-policy', '--src-tls-verify=false', there, name('back'))).toMatchObject({ code: 0, stderr: '' })
  const [a, b] = [await ours('inspect', '--config', '--raw', name('1')), await ours('inspect', '--config', '--raw', name('back'))]
  expect(b).toEqual(a)
  expect(await idOf('back')).toBe(await idOf('1'))
})

test('delete takes the name away, and with the last the image', { timeout: 60_000 }, async () => {
  const names = async (): Promise<readonly string[]> => (await podman('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').filter((line) => line !== '').sort()
  await podman('untag', 'localhost/team/app:1', 'localhost/team/app:1', 'localhost/team/app:back')
  for (const tag of ['gone', 'kept']) await podman('tag', 'localhost/team/app:2', `localhost/team/app:${tag}`)
  expect(await ours('delete', name('gone'))).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await names()).toEqual(['localhost/team/app:2', 'localhost/team/app:kept'])
  const again = await ours('delete', name('gone'))
  expect(again).toMatchObject({ code: 1, stdout: '' })
  expect(messageOf(again.stderr)).toMatch(/^Unable to delete .*localhost\/team\/app:gone: there is no such image/)
  for (const tag of ['kept', '2']) expect((await ours('delete', name(tag))).code).toBe(0)
  expect(await names()).toEqual([])
  expect((await ours('inspect', name('2'))).code).toBe(2)
})
