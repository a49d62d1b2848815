import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { countRequests } from './access-log.ts'
import { missingContent, wrongReferences } from './check.ts'
import { makeCorpus } from './corpora.ts'
import { startProxy, startRegistry } from './servers.ts'

const run = promisify(execFile)
let work: string
beforeEach(() => { work = mkdtempSync(join(tmpdir(), 'longshore-bench-test-')) })
afterEach(() => rmSync(work, { recursive: true }))

const dataOf = (root: string, digest: string): string => join(root, 'docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7), 'data')

describe('corpora', () => {
  test('are the same each time, and each blob is what its digest, its size and its diff id say', () => {
    const corpus = makeCorpus('multi-platform', 0.02, join(work, 'one'))
    const again = makeCorpus('multi-platform', 0.02, join(work, 'two'))
    expect({ ...again, root: '' }).toEqual({ ...corpus, root: '' })
    for (const [digest, size] of Object.entries(corpus.blobs)) {
      const bytes = readFileSync(dataOf(corpus.root, digest))
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')} ${bytes.length}`).toBe(`${digest} ${size}`)
    }
    const images = Object.values(corpus.manifests).filter((m) => m.children.length === 0 && m.blobs.length > 2)
    expect(images.length).toBeGreaterThan(0)
    for (const { blobs: [config, ...layers] } of images) {
      const { rootfs } = JSON.parse(readFileSync(dataOf(corpus.root, config!), 'utf8')) as { rootfs: { diff_ids: string[] } }
      expect(rootfs.diff_ids).toEqual(layers.map((l) => `sha256:${createHash('sha256').update(gunzipSync(readFileSync(dataOf(corpus.root, l)))).digest('hex')}`))
    }
  })
})

describe('the delay proxy', () => {
  test('delays the connection and each way, keeps order, passes large bodies and half-closed connections', async () => {
    // Echoes what comes, and ends when the other end has.
    const server = createServer({ allowHalfOpen: true }, (socket: Socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    try {
      await using proxy = await startProxy(`127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, 100)
      const socket = connect({ host: '127.0.0.1', port: Number(proxy.authority.split(':')[1]) })
      const started = performance.now()
      socket.write('x')
      await once(socket, 'data')
      // A round trip to connect and one for the byte. Timers may be early by a millisecond.
      expect(performance.now() - started).toBeGreaterThan(197)
      const again = performance.now()
      socket.write('x')
      await once(socket, 'data')
      expect(performance.now() - again).toBeGreaterThan(97)
      const bytes = Buffer.alloc(40 << 20)
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i)
      const back = (async () => {
        const hash = createHash('sha256')
        for await (const chunk of socket) hash.update(chunk as Buffer)
        return hash.digest('hex')
      })()
      socket.end(bytes)
      expect(await back).toBe(createHash('sha256').update(bytes).digest('hex'))
    } finally {
      server.close()
    }
  })
})

const installed = ((): boolean => {
  try {
    execFileSync('docker-registry', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe.runIf(installed)('the floor client', () => {
  test('copies a corpus between real registries with the fewest requests, and the check sees what is not there', async () => {
    const corpus = makeCorpus('multi-platform', 0.05, work)
    const logs = { source: join(work, 'source.log'), destination: join(work, 'destination.log') }
    {
      await using source = await startRegistry(corpus.root, work, logs.source)
      await using destination = await startRegistry(join(work, 'destination'), work, logs.destination)
      const floor = (mode: string) => run(process.execPath, [
        join(import.meta.dirname, 'floor.ts'), join(corpus.root, '../corpus.json'), source.authority, destination.authority, '8', mode,
      ])
      await expect(floor('rerun')).rejects.toThrow('differs')
      const tags = Object.values(corpus.repositories).flatMap((t) => Object.keys(t)).length
      expect(await wrongReferences(corpus, destination.authority)).toHaveLength(tags)
      const content = await missingContent(corpus, destination.authority)
      expect(content.length).toBeGreaterThan(tags)
      await floor('copy')
      expect(await wrongReferences(corpus, destination.authority)).toEqual([])
      expect(await missingContent(corpus, destination.authority)).toEqual([])
      const [blob = ''] = Object.keys(corpus.blobs)
      truncateSync(dataOf(join(work, 'destination'), blob), 1)
      await using fresh = await startRegistry(join(work, 'destination'), work)
      // Repositories are asked side by side: in any order.
      expect((await missingContent(corpus, fresh.authority)).toSorted()).toEqual(content.filter((path) => path.endsWith(blob)).toSorted())
    }
    const { kinds } = countRequests(logs.destination)
    const placements = new Set(Object.entries(corpus.repositories).flatMap(([repository, tags]) =>
      Object.values(tags).flatMap((digest) => [digest, ...corpus.manifests[digest]!.children])
        .flatMap((digest) => corpus.manifests[digest]!.blobs.map((blob) => `${repository} ${blob}`)))).size
    const blobs = Object.keys(corpus.blobs).length
    expect(kinds).toMatchObject({ 'POST upload': blobs, 'PUT upload': blobs, 'POST mount': placements - blobs, 'PUT manifest': Object.keys(corpus.manifests).length })
    expect(countRequests(logs.source).kinds).toMatchObject({ 'GET blob': blobs, 'GET manifest': Object.keys(corpus.manifests).length })
  })
})
