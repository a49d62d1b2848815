// The only place that knows concrete classes: it constructs them and joins them.
import { type Access, type AccessOptions, openAccess } from '@longshore/access'
import { InvalidCredentialsError } from '@longshore/credentials'
// Not the packages' indexes: Redis and BullMQ, 370 modules, would be loaded before the first request.
import { MemoryLedger } from '@longshore/ledger/memory'
import { MemoryQueue } from '@longshore/queue/memory'
import { type Migration, registriesOf } from '@longshore/spec'
import type { Ledger, Queue } from '@longshore/transfer'
import type { Config } from './config.ts'
import { UsageError } from './usage-error.ts'

/**
 * Joins the clients for every registry that the migration names.
 * @throws UsageError, InvalidCertificatesError
 */
export async function wire(migration: Migration, options: AccessOptions, config: Config, onPause: (registry: string, ms: number) => void): Promise<Access> {
  try {
    return await openAccess(registriesOf(migration), options, config, ({ registry, ms }) => onPause(registry, ms))
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    throw new UsageError(error.message)
  }
}

/** The in-process runtime. */
export function createRuntime(): { readonly ledger: Ledger; readonly queues: { readonly blobs: Queue; readonly manifests: Queue } } {
  return { ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() } }
}
