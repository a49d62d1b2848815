// Through the engine, from one real registry to another, beside `skopeo copy` of the same image.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MemoryLedger } from '@longshore/ledger'
import type { ImageManifest, Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { createRegistry } from '@longshore/registry'
import { startDockerRegistry } from '@longshore/testing'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { migrate } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { transformSource } from './index.ts'
import { addImage, docker, gzipped, io, plain, repository, v1, writeDir } from './skopeo.fixture.ts'

test.each(['oci', 'v2s2'] as const)('a docker-registry gets what skopeo gives it (%s), and nothing in a second run', async (format) => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-transform-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => { await rm(folder, { recursive: true }) })
  const server = stack.use(await startDockerRegistry())
  const target = stack.use(createRegistry({ registry: server.host, tlsVerify: false }))
  const original = new MemoryRegistry('made.up')
  addImage(original, [{ bytes: gzipped('one'), mediaType: docker.gzip }, { bytes: plain('two'), mediaType: docker.tar }], 'v2s2', 'v1')
  const path = await writeDir(original, v1, folder)
  await promisify(execFile)('skopeo', ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--format', format, `dir:${path}`, `docker://${server.host}/${repository}:skopeo`])

  const run = async (tag: string) => {
    await using source = transformSource(original, { format, gzipPlain: true }, { tmpdir: folder })
    const image = { source: { registry: 'made.up', repository, reference: v1 }, destination: { registry: server.host, repository, reference: tag as Tag } }
    const wanted = [{ image, options: { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep' } as const }]
    return await migrate((async function* () { yield* wanted })(), {
      transports: { source: () => source, target: () => target }, ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() }, onEvent: () => {},
      inFlight: new Set(), window: 8, jobs: { images: 4, blobs: 4, manifests: 4 }, keepGoing: true, stop: io.signal, graceMs: 1000, respiteMs: 1,
    }, io.signal)
  }
  expect(await run('ours')).toMatchObject({ copied: 1, failed: 0 })
  expect(await run('ours')).toMatchObject({ present: 1, failed: 0 })
  const [ours, theirs] = await Promise.all(['ours', 'skopeo'].map(async (tag) => await target.manifest(repository, tag as Tag, io) as ImageManifest))
  expect(ours?.mediaType).toBe(theirs?.mediaType)
  expect(ours?.config).toEqual(theirs?.config)
  expect(ours?.layers.map(({ mediaType }) => mediaType)).toEqual(theirs?.layers.map(({ mediaType }) => mediaType))
  expect(ours?.layers[0]).toEqual(theirs?.layers[0])
  // skopeo reads all of ours, digests checked.
  await promisify(execFile)('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', `docker://${server.host}/${repository}:ours`, `dir:${join(folder, 'back')}`])
}, 60_000)
