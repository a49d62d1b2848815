// A smaller storage tree out of another, by the real command: blocks are shared where the file system shares any, else files are linked; all is read and checked,
// unless the tree is to be trusted.
import { mkdir, mkdtemp, open, readdir, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseRepositoryName, parseTag } from '@longshore/oci'
import { assertIntact, image, layer, seed, startDockerRegistry } from '@longshore/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { install, run, tryRun } from '../infra/tools.ts'
import { longshore } from './cli-process.ts'

const blob = layer({ seed: 'storage trees', size: 24 * 2 ** 20 })
const content = image({ seed: 'storage trees', layers: [blob, 900] })
const dataOf = (tree: string): string => join(tree, 'docker/registry/v2/blobs/sha256', blob.digest.slice(7, 9), blob.digest.slice(7), 'data')

async function folderIn(parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'longshore-trees-'))
  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })
  return folder
}

/** What a docker-registry has kept, and a list of what is wanted of it. */
async function makeTree(folder: string): Promise<{ readonly big: string; readonly list: string }> {
  const [big, list] = [join(folder, 'big'), join(folder, 'list.txt')]
  await mkdir(big)
  await using registry = await startDockerRegistry({ rootDirectory: big })
  await seed(registry.url, ['1', '2'].map((tag) => ({ repository: parseRepositoryName('team/app'), tag: parseTag(tag), content })))
  await writeFile(list, 'team/app:1\n')
  return { big, list }
}

const select = (list: string, big: string, small: string, ...more: readonly string[]) =>
  longshore(['migrate', list, '--from', `registry-storage:${big}`, '--to', `registry-storage:${small}`, ...more])

async function spoil(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(Buffer.of(1, 2, 3), 0, 3, 1_000_000)
}

/** A file system that shares blocks, in a file; or why there can be none here. */
async function mountXfs(): Promise<string | { readonly why: string }> {
  if (process.getuid?.() !== 0) return { why: 'only root may mount one' }
  await install({ 'mkfs.xfs': 'xfsprogs' })
  const folder = await folderIn(tmpdir())
  const [disk, mount] = [join(folder, 'disk'), join(folder, 'mount')]
  await mkdir(mount)
  await writeFile(disk, '')
  await truncate(disk, 400 * 2 ** 20)
  await run('/usr/sbin/mkfs.xfs', ['-q', '-m', 'reflink=1', disk])
  const { code, stderr } = await tryRun('mount', ['-o', 'loop', disk, mount])
  if (code !== 0) return { why: `this kernel does not mount it (${stderr.trim().split('\n')[0] ?? ''})` }
  // Before its folder is removed: the last that was asked for is done first.
  onTestFinished(async () => { await run('umount', ['--lazy', mount]) })
  return mount
}

describe('a smaller tree', () => {
  test('on a file system that shares blocks: another file, no room taken, and what is written into one is not in the other', { timeout: 120_000 }, async (context) => {
    const mount = await mountXfs()
    if (typeof mount !== 'string') {
      process.stderr.write(`reflinks are not proved on this machine: ${mount.why}\n`)
      return context.skip(mount.why)
    }
    const { big, list } = await makeTree(mount)
    const small = join(mount, 'small')
    const free = async (): Promise<number> => {
      await run('sync', ['--file-system', mount])
      const { bfree, bsize } = await statfs(mount)
      return bfree * bsize
    }
    const before = await free()
    expect(await select(list, big, small)).toMatchObject({ code: 0 })
    expect(before - await free()).toBeLessThan(blob.size / 4)
    const [there, here] = await Promise.all([stat(dataOf(big)), stat(dataOf(small))])
    expect(here).toMatchObject({ size: blob.size, nlink: 1 })
    expect(here.ino).not.toBe(there.ino)
    await spoil(dataOf(big))
    await using registry = await startDockerRegistry({ rootDirectory: small })
    await assertIntact(registry.url, 'team/app', '1', { deep: true, expectDigest: content.root.digest })
  })

  test('in memory, where no blocks are shared: the same file', async () => {
    const folder = await folderIn('/dev/shm')
    const { big, list } = await makeTree(folder)
    const small = join(folder, 'small')
    expect(await select(list, big, small)).toMatchObject({ code: 0 })
    expect((await stat(dataOf(small))).ino).toBe((await stat(dataOf(big))).ino)
    await using registry = await startDockerRegistry({ rootDirectory: small })
    await assertIntact(registry.url, 'team/app', '1', { deep: true, expectDigest: content.root.digest })
    expect((await readdir(join(small, 'docker/registry/v2/repositories/team/app/_manifests/tags')))).toEqual(['1'])
  })
})

describe('--trust-storage', () => {
  test('what has rotted is refused without it, and linked with it', async () => {
    const folder = await folderIn('/dev/shm')
    const { big, list } = await makeTree(folder)
    await spoil(dataOf(big))
    const careful = await select(list, big, join(folder, 'careful'))
    expect(careful.code).toBe(1)
    expect(careful.stderr + careful.stdout).toMatch(/the bytes hash to sha256:[0-9a-f]{64}, not to /)
    expect(await select(list, big, join(folder, 'trusting'), '--trust-storage')).toMatchObject({ code: 0 })
    expect((await stat(dataOf(join(folder, 'trusting')))).ino).toBe((await stat(dataOf(big))).ino)
  })

  test('where nothing can be linked it is refused: nobody shall think that something was left out', async () => {
    const folder = await folderIn(tmpdir())
    const list = join(folder, 'list.txt')
    await writeFile(list, 'team/app:1\n')
    for (const [from, to, end] of [['r.example', `registry-storage:${folder}/small`, 'source'], [`registry-storage:${folder}`, 'r.example', 'destination']] as const) {
      const { code, stderr } = await longshore(['migrate', list, '--from', from, '--to', to, '--trust-storage'])
      expect(code).toBe(2)
      expect(stderr).toContain(`--trust-storage links the blobs of one storage tree into another, and there is no registry-storage: at the ${end}: leave it out`)
    }
  })
})
