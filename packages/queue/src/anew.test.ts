// Whoever knows that a process is dead does not wait until BullMQ knows it too.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { connectRedis } from '@longshore/redis'
import { startRedis } from '@longshore/testing'
import type { NodeKey } from '@longshore/transfer'
import { expect, test, vi } from 'vitest'
import { BullQueues } from './bull-queues.ts'

test('what a killed process still seems to have is handed out at once, when it is added anew', { timeout: 60_000 }, async () => {
  await using server = await startRedis()
  await using connection = await connectRedis({ url: server.url, name: 'test', onTrouble: () => {}, onRecovered: () => {} })
  const problems: string[] = []
  await using queues = new BullQueues(connection, { prefix: '{anew}', onProblem: (message) => { problems.push(message) } })
  const jobs = ['a', 'b', 'c'].map((name) => ({ id: name, node: name as NodeKey }))
  const { blobs } = queues.of('m')
  await blobs.add(jobs)
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'holder.fixture.ts'), server.url, '{anew}'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  holder.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  await vi.waitFor(() => { expect(output.trim().split('\n')).toHaveLength(3) }, { timeout: 20_000 })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  // It has them still, as far as BullMQ knows.
  await blobs.add(jobs)
  expect(await queues.depth('blobs')).toBe(0)
  await blobs.add(jobs, { anew: true })
  expect(await queues.depth('blobs')).toBe(3)
  const seen: string[] = []
  queues.process('blobs', async ({ nodes }) => { seen.push(...nodes) }, { concurrency: 1 })
  await vi.waitFor(() => { expect(seen).toEqual(['a', 'b', 'c']) }, { timeout: 5_000 })
  expect(problems).toEqual([])
})
