// A source that is at work: somebody keeps pushing, moving and deleting tags of a real docker-registry, which tells of it. What it holds in the end is known.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Corpus, type DockerRegistry, image, PlainClient, Random, seed, startDockerRegistry, type SyntheticContent } from '@longshore/testing'

export interface Relay extends AsyncDisposable {
  readonly url: string
  /** Where notifications go; while it is not known the registry is asked to come again. */
  target: (() => Promise<string | undefined>) | undefined
}

/** Stands between a registry and coordinators that come and go, as a cluster's Service does. */
export async function startRelay(secret: string): Promise<Relay> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => { pieces.push(piece) }).on('end', () => {
      void (async () => {
        try {
          const url = await relay.target?.()
          const answer = url === undefined ? undefined : await fetch(url, {
            method: 'POST', body: Buffer.concat(pieces), signal: AbortSignal.timeout(5_000), headers: { 'content-type': request.headers['content-type'] ?? '', authorization: `Bearer ${secret}` },
          })
          response.writeHead(answer?.status ?? 503).end()
        } catch {
          response.writeHead(503).end()
        }
      })()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, target: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
  return relay
}

export interface BusySource extends AsyncDisposable {
  readonly registry: DockerRegistry
  /** Digest by `repository:tag`, as things stand. */
  readonly tags: ReadonlyMap<string, string>
  readonly done: Readonly<Record<'pushed' | 'moved' | 'deleted', number>>
  /** Somebody begins to work. */
  work(): void
  /** It is read-only from now on: what is on its way arrives, and nothing comes after it. */
  freeze(): Promise<void>
}

const layersOf = (repository: string): readonly number[] => [20_000 + repository.length, 30_000]

/** `images` of them, in `repositories` repositories, with layers that they share. */
export async function startBusySource(relay: Relay, { images, repositories, rootDirectory }: { readonly images: number; readonly repositories: number; readonly rootDirectory?: string }): Promise<BusySource> {
  const registry = await startDockerRegistry({ notifications: { url: relay.url, headers: {} }, ...(rootDirectory === undefined ? {} : { rootDirectory }) })
  const tags = new Map<string, string>()
  const random = new Random('busy source')
  const names = Array.from({ length: repositories }, (_, i) => `team/app${i}`)
  const make = (repository: string, seedText: string): SyntheticContent => image({ seed: seedText, layers: layersOf(repository) })
  const corpus: Corpus = Array.from({ length: images }, (_, i) => {
    const repository = names[i % names.length] ?? ''
    return { repository, tag: `v${Math.floor(i / names.length)}`, content: make(repository, `first ${i}`) }
  })
  await seed(registry.url, corpus)
  for (const { repository, tag, content } of corpus) tags.set(`${repository}:${tag}`, content.root.digest)
  const done = { pushed: 0, moved: 0, deleted: 0 }
  const frozen = new AbortController()
  let working: Promise<void> | undefined
  const client = new PlainClient(registry.url)

  const step = async (n: number): Promise<void> => {
    const repository = names[random.below(names.length)] ?? ''
    const mine = [...tags.keys()].filter((key) => key.startsWith(`${repository}:`))
    const kind = random.below(10)
    if (kind < 6 || mine.length < 3) {
      const content = make(repository, `pushed ${n}`)
      await seed(registry.url, [{ repository, tag: `new${n}`, content }])
      tags.set(`${repository}:new${n}`, content.root.digest)
      done.pushed++
    } else if (kind < 8) {
      const key = mine[random.below(mine.length)] ?? ''
      const content = make(repository, `moved ${n}`)
      await seed(registry.url, [{ repository, tag: key.slice(repository.length + 1), content }])
      tags.set(key, content.root.digest)
      done.moved++
    } else {
      const key = mine[random.below(mine.length)] ?? ''
      // By digest, as docker-registry has it: this takes the tag with it. No two tags name one manifest here.
      const { status } = await client.send('DELETE', `/v2/${repository}/manifests/${tags.get(key)}`)
      if (status !== 202) throw new Error(`the deletion of ${key} was answered ${status}`)
      tags.delete(key)
      done.deleted++
    }
  }

  return {
    registry, tags, done,
    work() {
      working ??= (async () => {
        for (let n = 0; !frozen.signal.aborted; n++) {
          await step(n)
          await sleep(40)
        }
      })()
    },
    async freeze() {
      frozen.abort()
      await working
    },
    async [Symbol.asyncDispose]() {
      frozen.abort()
      await working?.catch(() => {})
      client[Symbol.dispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}
