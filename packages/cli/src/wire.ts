// The only place that knows concrete classes: it constructs them and joins them.
import { type Access, type AccessOptions, openAccess } from '@longshore/access'
import { InvalidCredentialsError } from '@longshore/credentials'
// Not the packages' indexes: Redis and BullMQ, 370 modules, would be loaded before the first request.
import { MemoryLedger } from '@longshore/ledger/memory'
import { MemoryQueue } from '@longshore/queue/memory'
import type { Layout } from '@longshore/layouts'
import { type Migration, registriesOf } from '@longshore/spec'
import type { Ledger, Queue } from '@longshore/transfer'
import type { Config } from './config.ts'
import type { MigrateFlags } from './flags.ts'
import { isPlace, onlyRegistries } from './place-kind.ts'
import { UsageError } from './usage-error.ts'

/**
 * Joins the clients for every registry that the migration names, and the storage trees of this machine.
 * @throws UsageError, InvalidCertificatesError, LayoutError
 */
export async function wire(migration: Migration, options: AccessOptions & Pick<MigrateFlags, 'trustStorage'>, config: Config, onPause: (registry: string, ms: number) => void): Promise<Access> {
  const { source, destination } = registriesOf(migration)
  const registries = { source: onlyRegistries(source), destination: onlyRegistries(destination) }
  const access = await open(registries, options, config, onPause)
  if (registries.source.size === source.size && registries.destination.size === destination.size) return access
  const stack = new AsyncDisposableStack()
  stack.use(access)
  try {
    const { openLayout } = await import('@longshore/layouts')
    const places = { source: new Map<string, Layout>(), destination: new Map<string, Layout>() }
    for (const [side, all] of [['source', source], ['destination', destination]] as const) {
      for (const registry of all) if (isPlace(registry)) places[side].set(registry, stack.use(openLayout(registry, { readOnly: side === 'source', sparse: true, trustLinked: options.trustStorage ?? false })))
    }
    const { transports } = access
    return {
      ...access, transports: {
        source: (registry) => places.source.get(registry) ?? transports.source(registry), target: (registry) => places.destination.get(registry) ?? transports.target(registry),
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** Workers on other machines see other files. @throws UsageError */
export function refusePlaces(migration: Migration): void {
  const { source, destination } = registriesOf(migration)
  const place = [...source, ...destination].find(isPlace)
  if (place !== undefined) throw new UsageError(`${place} is on this machine, where other workers cannot reach it: leave out --redis and --workers, or serve it with a registry`)
}

/** @throws UsageError */
export function refuseToPrunePlaces(migration: Migration): void {
  const place = [...registriesOf(migration).destination].find(isPlace)
  if (place !== undefined) throw new UsageError(`${place}: only tags of registries are pruned; what is in a storage tree goes with its files`)
}

/** `--trust-storage` says something of files that are linked, from one tree to another. @throws UsageError where it could do nothing */
export function refuseVainTrust(migration: Migration): void {
  const { source, destination } = registriesOf(migration)
  for (const [end, registries] of [['source', source], ['destination', destination]] as const) {
    if (![...registries].some(isPlace)) throw new UsageError(`--trust-storage links the blobs of one storage tree into another, and there is no registry-storage: at the ${end}: leave it out`)
  }
}

async function open(registries: Parameters<typeof openAccess>[0], options: AccessOptions, config: Config, onPause: (registry: string, ms: number) => void): Promise<Access> {
  try {
    return await openAccess(registries, options, config, ({ registry, ms }) => onPause(registry, ms))
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    throw new UsageError(error.message)
  }
}

/** The in-process runtime. */
export function createRuntime(): { readonly ledger: Ledger; readonly queues: { readonly blobs: Queue; readonly manifests: Queue } } {
  return { ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() } }
}
