// The floor: it is told every digest beforehand, and sends only what no correct copy can leave out. Per repository the tag list of
// each side; each manifest read once and put once; each distinct blob read once and uploaded once (POST, PUT), and mounted into
// each further repository. It hashes nothing and retries nothing.
//
//   node floor.ts CORPUS.json SOURCE DESTINATION CONNECTIONS [rerun]
import { readFileSync } from 'node:fs'
import { type Answer, Pool, Sink } from './bare-client.ts'
import type { Corpus } from './corpora.ts'

const [file = '', from = '', to = '', connections = '30', mode = ''] = process.argv.slice(2)
const corpus = JSON.parse(readFileSync(file, 'utf8')) as Corpus
const source = new Pool(from, Number(connections))
const destination = new Pool(to, Number(connections))
const smallBytes = 64 * 1024

const accept = 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json\r\n'

function expectStatus(answer: Answer, status: number, what: string): Answer {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`)
  return answer
}

async function upload(repository: string, digest: string): Promise<void> {
  const size = corpus.blobs[digest] ?? 0
  await destination.use(async (target) => {
    const started = target.ask(destination.head('POST', `/v2/${repository}/blobs/uploads/`))
    await source.use(async (origin) => {
      const get = source.head('GET', `/v2/${repository}/blobs/${digest}`)
      const location = async (): Promise<string> => {
        const { head } = expectStatus(await started, 202, `upload session in ${repository}`)
        const path = /\r\nLocation: (?:https?:\/\/[^/]*)?(\S+)/i.exec(head)?.[1] ?? ''
        return `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`
      }
      const headers = 'Content-Type: application/octet-stream\r\n'
      if (size <= smallBytes) {
        const [answer, path] = await Promise.all([origin.ask(get), location()])
        expectStatus(answer, 200, `blob ${digest}`)
        expectStatus(await target.ask(destination.head('PUT', path, headers, size), answer.body), 201, `upload of ${digest}`)
      } else {
        const sink = new Sink()
        const read = origin.stream(get, sink)
        const [answer, put] = await Promise.all([read, location().then((path) => target.put(destination.head('PUT', path, headers, size), sink))])
        expectStatus(answer, 200, `blob ${digest}`)
        expectStatus(put, 201, `upload of ${digest}`)
      }
    })
  })
}

const leaders = new Map<string, { readonly repository: string; readonly done: Promise<void> }>()
const placements = new Map<string, Promise<void>>()
const committed = new Map<string, Promise<void>>()

function once(map: Map<string, Promise<void>>, key: string, work: () => Promise<void>): Promise<void> {
  let promise = map.get(key)
  if (!promise) map.set(key, promise = work())
  return promise
}

function place(repository: string, digest: string): Promise<void> {
  return once(placements, `${repository}@${digest}`, async () => {
    const leader = leaders.get(digest)
    if (!leader) {
      const done = upload(repository, digest)
      leaders.set(digest, { repository, done })
      return done
    }
    await leader.done
    const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${leader.repository}`
    expectStatus(await destination.ask('POST', path), 201, `mount of ${digest}`)
  })
}

async function commit(repository: string, digest: string, reference: string): Promise<void> {
  const facts = corpus.manifests[digest]!
  const [manifest] = await Promise.all([
    source.ask('GET', `/v2/${repository}/manifests/${reference}`, accept),
    ...facts.blobs.map((blob) => place(repository, blob)),
    ...facts.children.map((child) => once(committed, `${repository}@${child}`, () => commit(repository, child, child))),
  ])
  expectStatus(manifest, 200, `manifest ${reference}`)
  const put = await destination.ask('PUT', `/v2/${repository}/manifests/${reference}`, `Content-Type: ${facts.mediaType}\r\n`, manifest.body)
  expectStatus(put, 201, `manifest ${reference}`)
}

async function compare(repository: string, tag: string): Promise<void> {
  const path = `/v2/${repository}/manifests/${tag}`
  const [here, there] = await Promise.all([source.ask('HEAD', path, accept), destination.ask('HEAD', path, accept)])
  const digestOf = (answer: Answer): string | undefined => /\r\nDocker-Content-Digest: (\S+)/i.exec(answer.head)?.[1]
  if (digestOf(here) !== digestOf(there)) throw new Error(`${repository}:${tag} differs`)
}

const repositories = Object.entries(corpus.repositories)
const lists = repositories.flatMap(([repository]) => [source, destination].map((pool) => pool.ask('GET', `/v2/${repository}/tags/list`)))
const images = repositories.flatMap(([repository, tags]) => Object.entries(tags).map(([tag, digest]) => ({ repository, tag, digest })))
const rest = images.values()
await Promise.all([...lists, ...Array.from({ length: 2 * Number(connections) }, async () => {
  for (const { repository, tag, digest } of rest) {
    await (mode === 'rerun' ? compare(repository, tag) : commit(repository, digest, tag))
  }
})])
source.close()
destination.close()
