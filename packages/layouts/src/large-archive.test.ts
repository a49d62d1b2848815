import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { io, run, testFolder } from './archive.fixture.ts'
import { openDockerArchive } from './docker-archive/docker-archive-source.ts'

const fixture = join(import.meta.dirname, 'large-archive.fixture.ts')

test('1 GiB is written and read, plain and as .tgz, in memory that does not grow with it', { timeout: 400_000 }, async () => {
  const path = join(await testFolder(), 'large.tar')
  const { stdout, stderr } = await run(process.execPath, [fixture, path, String(1024 ** 3)])
  // No listener is left for each chunk.
  expect(stderr).toBe('')
  expect((await stat(path)).size).toBeGreaterThan(1024 ** 3)
  expect((JSON.parse(stdout) as { maxRssBytes: number }).maxRssBytes).toBeLessThan(300 * 1024 ** 2)
})

test('killed while it writes: what was there is there, and nothing looks like a whole archive', { timeout: 60_000 }, async () => {
  const folder = await testFolder()
  const path = join(folder, 'a.tar')
  await writeFile(path, 'old')
  const child = spawn(process.execPath, [fixture, path, String(64 * 1024 ** 2), 'stop-halfway'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  const [partial, ...others] = (await readdir(folder)).filter((name) => name !== 'a.tar')
  expect([others, await readFile(path, 'utf8')]).toEqual([[], 'old'])
  expect(partial).toMatch(/\.partial$/)
  await expect(openDockerArchive(`docker-archive:${join(folder, partial!)}`, io)).rejects.toMatchObject({ name: 'LayoutError' })
})
