// A container engine, where there is one: Docker, or podman behind the same socket.
import type { StartedTestContainer } from 'testcontainers'
import { engineName, hasEngineSocket, readServerKind, ryukImage, turnRyukOff, useLocalServers } from './config.ts'

const registryImage = 'registry:2'
/** An engine that says nothing for so long is taken for none. */
const answerMs = 5000

export interface RegistryContainer {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly remove: () => Promise<void>
}

export interface RegistryContainerOptions {
  /** On 127.0.0.1. */
  readonly port: number
  /** Absolute path in the container to content. Copied, not mounted: the engine may be another user's, or on another machine. */
  readonly files: Readonly<Record<string, string>>
  /** Mounted where the registry keeps its content; else it stays in the container, and goes with it. */
  readonly rootDirectory?: string
}

let auto: Promise<'local' | 'containers'> | undefined

/** `auto` is settled once: containers where the engine answers and has registry:2 already (nothing is pulled), else local, with a line on stderr. */
export async function chooseServers(): Promise<'local' | 'containers'> {
  const kind = readServerKind()
  return kind === 'auto' ? auto ??= settle() : kind
}

async function settle(): Promise<'local' | 'containers'> {
  if (!hasEngineSocket()) return 'local'
  try {
    if (await inTime(hasImage(registryImage))) return 'containers'
    fallBack(`it has no image ${registryImage} (docker pull ${registryImage}, or podman pull docker.io/library/${registryImage})`)
  } catch (error) {
    fallBack(error instanceof Error ? error.message : String(error))
  }
  return 'local'
}

/** From here on, in this process and in those it starts, `auto` means local: said once, not once a registry. */
export function fallBack(why: string): void {
  process.stderr.write(`tests use the local docker-registry, not the container engine ${engineName()}: ${why}\n`)
  useLocalServers()
}

/** @throws Error when the engine cannot run it; no container is left then */
export async function startRegistryContainer(options: RegistryContainerOptions): Promise<RegistryContainer> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers')
  const client = await inTime(getContainerRuntimeClient())
  // Ryuk removes what a killed run leaves. It is a second image and wants the engine's socket: a help where it is, not worth a pull.
  if (!await hasImage(ryukImage())) turnRyukOff()
  let id = ''
  // By itself testcontainers publishes on all addresses.
  class Registry extends GenericContainer {
    protected override async beforeContainerCreated(): Promise<void> {
      this.hostConfig.PortBindings = { '5000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(options.port) }] }
    }
    protected override async containerCreated(containerId: string): Promise<void> { id = containerId }
  }
  const definition = new Registry(registryImage)
    .withExposedPorts({ container: 5000, host: options.port })
    .withCopyContentToContainer(Object.entries(options.files).map(([target, content]) => ({ target, content })))
    // Not forListeningPorts, which needs a shell in the image.
    .withWaitStrategy(Wait.forLogMessage(/listening on/).withStartupTimeout(20_000))
  if (options.rootDirectory !== undefined) definition.withBindMounts([{ source: options.rootDirectory, target: '/var/lib/registry' }])
  let container: StartedTestContainer
  try {
    container = await definition.start()
  } catch (error) {
    if (id !== '') await client.container.getById(id).remove({ force: true, v: true }).catch(() => { /* testcontainers was first */ })
    throw error
  }
  // Not container.stop(): it remembers the first call, so that what was restarted would never stop again.
  const stop = async (): Promise<void> => client.container.stop(client.container.getById(id))
  return {
    stop,
    async start() { await container.restart() },
    async remove() {
      await stop()
      await client.container.remove(client.container.getById(id), { removeVolumes: true })
    },
  }
}

async function hasImage(name: string): Promise<boolean> {
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers')
  return (await getContainerRuntimeClient()).image.exists(ImageName.fromString(name))
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => { late.reject(new Error(`it does not answer within ${answerMs} ms`)) }, answerMs)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
