// Around a registry whose images need no change, it is that registry: by the suite that every source passes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRegistry } from '@longshore/registry'
import { startDockerRegistry } from '@longshore/testing'
import { describeSource, fill } from '@longshore/testing/contracts'
import { transformSource } from './index.ts'

describeSource('docker-registry with plain layers gzipped', async (images) => {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await startDockerRegistry())
  const registry = stack.use(createRegistry({ registry: server.host, tlsVerify: false }))
  for (const { repository, reference, content } of images) await fill(registry, repository, content, reference)
  const folder = await mkdtemp(join(tmpdir(), 'longshore-transform-'))
  stack.defer(async () => { await rm(folder, { recursive: true }) })
  const source = stack.use(transformSource(registry, { gzipPlain: true }, { tmpdir: folder }))
  return { source, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}, { noReferrers: true })
