// A reader that looks while somebody writes: whatever tag it can see, it walks. DESIGN.md §5, P2.
import { setTimeout as delay } from 'node:timers/promises'
import { PlainClient, type PlainClientOptions } from './http.ts'
import { walkImage } from './intact.ts'

export interface Probing {
  /** References that were read and walked, or were known to be whole. */
  readonly walks: number
  /** Each manifest that could be seen while something it needs could not; one sentence each. */
  readonly violations: readonly string[]
}

export interface Prober extends AsyncDisposable {
  /** Looks once more at everything, then ends. */
  stop(): Promise<Probing>
}

export interface ProberOptions extends PlainClientOptions {
  /** Rest between two rounds. Default 5. */
  readonly pauseMs?: number
}

/** `repositories`: which to watch, asked before each round where it is a function. */
export function startProber(
  baseUrl: string, repositories: readonly string[] | (() => readonly string[] | Promise<readonly string[]>), { pauseMs = 5, ...access }: ProberOptions = {},
): Prober {
  const client = new PlainClient(baseUrl, access)
  const known = new Set<string>()
  const violations = new Set<string>()
  let walks = 0
  const stopping = new AbortController()

  const round = async (): Promise<void> => {
    for (const repository of typeof repositories === 'function' ? await repositories() : repositories) {
      const list = await client.send('GET', `/v2/${repository}/tags/list`)
      // 404: nothing was committed there yet, so there is nothing to see.
      if (list.status !== 200) continue
      const { tags } = JSON.parse(list.body.toString()) as { tags: readonly string[] | null }
      for (const tag of tags ?? []) {
        walks++
        const { root, problems } = await walkImage(client, repository, tag, { known })
        // A tag may be listed an instant before it can be read: docker-registry makes its directory first.
        if (root !== undefined) for (const problem of problems) violations.add(problem)
      }
    }
  }
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await round()
      await delay(pauseMs)
    }
    await round()
  }
  const running = run()
  // Kept for stop(); unhandled until then it would end the process.
  running.catch(() => {})
  const stop = async (): Promise<Probing> => {
    stopping.abort()
    try {
      await running
    } finally {
      client[Symbol.dispose]()
    }
    return { walks, violations: [...violations] }
  }
  return { stop, async [Symbol.asyncDispose]() { await stop() } }
}
