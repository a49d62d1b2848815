// kill -9 at any step: what is there afterwards is whole or is not there, and the next run makes it whole.
import { fork } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, type RepositoryName } from '@longshore/oci'
import { bytesOf, fill } from '@longshore/testing'
import { expect, test } from 'vitest'
import { openLayout } from './index.ts'
import { content } from './killed.fixture.ts'
import { io, none, scratch, tag } from './place.fixture.ts'

/** Kills it instead of letting it take step `at`. Answers whether it came that far. */
async function writeAndKill(args: readonly string[], at: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const child = fork(join(import.meta.dirname, 'killed.fixture.ts'), args, { stdio: 'ignore' })
    let steps = 0
    child.on('message', () => {
      if (++steps === at) child.kill('SIGKILL')
      else child.send('go')
    })
    child.on('exit', (_, by) => { resolve(by === 'SIGKILL') })
  })
}

test.each([['dir', none, ''], ['oci', none, 'v1'], ['registry-storage', 'team/app' as RepositoryName, 'v1']] as const)('%s', async (transport, repository, reference) => {
  await using place = await scratch()
  const path = `${place.path}/place`
  const registry = `${transport}:${path}`
  // In the middle of a blob, and before the last manifest: what is there already is no step again.
  for (const at of [6, 9]) {
    expect(await writeAndKill([registry, repository, reference], at), `step ${at}`).toBe(true)
    await using layout = openLayout(registry)
    expect(await layout.resolve(repository, tag(reference), io), `step ${at}`).toBeUndefined()
    for (const blob of content.blobs.values()) {
      const desc = { mediaType: '', digest: blob.digest, size: blob.size }
      if (!await layout.exists(repository, desc, io)) continue
      await using read = await layout.blob(repository, desc, io)
      expect(digestOf(Buffer.concat(await Array.fromAsync(read)))).toBe(blob.digest)
    }
    for (const each of content.manifests.slice(0, -1)) {
      const child = await layout.manifest(repository, each.digest, io)
      if (child) expect(Buffer.from(child.bytes).equals(each.bytes)).toBe(true)
    }
  }
  await using again = openLayout(registry)
  await fill(again, repository, content, tag(reference))
  await using source = openLayout(registry, { readOnly: true })
  expect((await source.resolve(repository, tag(reference), io))?.digest).toBe(content.root.digest)
  for (const blob of content.blobs.values()) {
    await using read = await source.blob(repository, { mediaType: '', digest: blob.digest, size: blob.size }, io)
    expect(Buffer.concat(await Array.fromAsync(read)).equals(bytesOf(blob))).toBe(true)
  }
  if (transport === 'dir') expect((await readdir(path)).filter((name) => name.startsWith('.'))).toEqual([])
}, 120_000)
