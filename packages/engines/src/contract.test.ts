// Engines pass the suites that real registries pass, as far as they can: against podman, on a store of its own for every place.
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RepositoryName } from '@longshore/oci'
import { type ContractImage, type ContractLimits, describeSource, describeTarget, fill } from '@longshore/testing/contracts'
import { startEngine } from './engines.fixture.ts'
import { type ImageStore, openContainersStorage, openContainersStorageSource, openDockerDaemon, openDockerDaemonSource } from './index.ts'
import { env } from './podman.config.ts'

/** A fresh store. */
interface Place extends AsyncDisposable {
  target(): ImageStore
  source(): Omit<ImageStore, 'put' | 'push' | 'finish'>
}

async function emptyFolder(): Promise<{ readonly path: string; readonly spec: string } & AsyncDisposable> {
  // In lower case: were podman to name what it pulls after the directory, it could.
  const path = join(tmpdir(), `longshore-engine-contract-${randomUUID().slice(0, 8)}`)
  await mkdir(path)
  return { path, spec: `vfs@${path}/root+${path}/run`, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Closes what was opened, the last first. */
function tracked(stack: AsyncDisposableStack): Pick<Place, typeof Symbol.asyncDispose> { return { [Symbol.asyncDispose]: () => stack.disposeAsync() } }

const kinds: Readonly<Record<string, () => Promise<Place>>> = {
  async 'docker-daemon'() {
    const stack = new AsyncDisposableStack()
    const { path, spec } = stack.use(await emptyFolder())
    stack.use(await startEngine(spec, `${path}/engine.sock`))
    const options = { host: `unix://${path}/engine.sock`, tmpdir: path }
    return { target: () => stack.use(openDockerDaemon('docker-daemon:', options)), source: () => stack.use(openDockerDaemonSource('docker-daemon:', options)), ...tracked(stack) }
  },
  async 'containers-storage'() {
    const stack = new AsyncDisposableStack()
    const { path, spec } = stack.use(await emptyFolder())
    const options = { tmpdir: path, env }
    const registry = `containers-storage:${spec}`
    return { target: () => stack.use(openContainersStorage(registry, options)), source: () => stack.use(openContainersStorageSource(registry, options)), ...tracked(stack) }
  },
}

const limits: ContractLimits = {
  noReferrers: true, noManifests: true, tarLayers: true, blobsByImage: true,
  names: { repository: 'localhost/team/app' as RepositoryName, other: 'localhost/team/base' as RepositoryName },
}

for (const [transport, open] of Object.entries(kinds)) {
  describeSource(transport, async (images: readonly ContractImage[]) => {
    const place = await open()
    const target = place.target()
    for (const { repository, reference, content } of images) await fill(target, repository, content, reference)
    return { source: place.source(), [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  }, limits)

  describeTarget(transport, async () => {
    const place = await open()
    return { target: place.target(), readBack: async () => place.source(), [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  }, limits)
}
