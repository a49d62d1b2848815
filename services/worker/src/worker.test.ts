import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '@longshore/telemetry'
import { describe, expect, test } from 'vitest'
import { readWorkerConfig } from './config.ts'
import { startWorker } from './wire.ts'

describe('a worker that never had an answer from Redis', () => {
  test.each(['nothing listens', 'it hangs'])('ends at once when it is told to, and says nothing of Redis that is not so: %s', async (what) => {
    const silent = createServer(() => { /* accepts, and that is all */ })
    await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve) })
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    if (what === 'nothing listens') silent.close()
    const lines: string[] = []
    const config = readWorkerConfig({ LONGSHORE_REDIS_URL: `redis://127.0.0.1:${port}`, LONGSHORE_LISTEN: '127.0.0.1:0', HOME: '/nonexistent' }, {})
    const stop = new AbortController()
    const service = await startWorker(config, createLogger({ level: 'debug', destination: { write: (line: string) => { lines.push(line) } } }), '0')
    const running = service.run(stop.signal)
    // Long enough for the outage to be told.
    await delay(what === 'nothing listens' ? 1_500 : 4_500)
    const begun = performance.now()
    stop.abort()
    await running
    await service[Symbol.asyncDispose]()
    silent.close()
    expect(performance.now() - begun).toBeLessThan(2_000)
    if (what === 'nothing listens') expect(lines.join('')).toContain('work waits until it is back')
    expect(lines.join('')).not.toContain('Redis is back')
  })
})
