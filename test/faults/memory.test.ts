// P5: memory is bounded by concurrency × buffer, whatever the size of the blobs or the number of images.
import { type Corpus, image, seed, startDockerRegistry } from '@longshore/testing'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launch } from '../e2e/cli-process.ts'

const mib = 1024 * 1024

/** The most memory that a migration of this corpus held, MiB. */
async function peakOf(corpus: Corpus): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-memory-'))
  try {
    const list = join(folder, 'images.txt')
    await writeFile(list, corpus.map(({ repository, tag }) => `${repository}:${tag}\n`).join(''))
    await using source = await startDockerRegistry()
    await using destination = await startDockerRegistry()
    await seed(source.url, corpus)
    const run = launch(['migrate', list, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false'])
    let peak = 0
    const watch = setInterval(() => {
      try {
        // The kernel keeps the high-water mark itself: between two looks nothing is missed.
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${run.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
      } catch { /* it has just ended */ }
    }, 20)
    const { code } = await run.finished
    clearInterval(watch)
    expect(code).toBe(0)
    return peak
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('large blobs pass through without being held', async () => {
  // Four times what the process may hold, in four blobs at once.
  const corpus = [1, 2, 3, 4].map((i) => ({ repository: 'large/app', tag: `v${i}`, content: image({ seed: `large ${i}`, layers: [256 * mib] }) }))
  expect(await peakOf(corpus)).toBeLessThan(260)
}, 180_000)

test('thousands of images pass through a window', async () => {
  const corpus = Array.from({ length: 1500 }, (_, i) => ({ repository: `many/app-${i % 50}`, tag: `v${i}`, content: image({ seed: `many ${i}`, layers: [300] }) }))
  expect(await peakOf(corpus)).toBeLessThan(260)
}, 180_000)
