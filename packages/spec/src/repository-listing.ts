// The repositories of a registry: as its catalog says, or, where that is closed, as its inventory does. No product is asked for: the
// inventory is looked for when the catalog refuses or shows nothing, or when the spec says that there is one.
import { MigrationError, printable, RegistryError } from '@longshore/oci'
import type { Inventory, Io, Source } from '@longshore/transfer'
import type { WantedNamespaces } from './namespaces.ts'

/** Labels, push times or projects were asked for, and what answers there tells nothing of them. */
export class NotAHarborError extends MigrationError {
  override readonly name = 'NotAHarborError'
  override readonly code = 'NOT_A_HARBOR'
  constructor(registry: string) {
    super(printable(`${registry} does not answer as a Harbor does (GET /api/v2.0/systeminfo), and projects, labels and push times are read from a Harbor's API; check the host, or leave harbor: and "by: pushed" out`))
  }
}

export type Listed =
  | { readonly kind: 'repository'; readonly name: string }
  /** Of one namespace, or of all. */
  | { readonly kind: 'failed'; readonly namespace?: string; readonly error: unknown }

/** Where the names were found. */
export type ListedBy = 'catalog' | 'inventory'

export interface ListingOptions extends Io {
  readonly by: ListedBy
  readonly wanted: readonly WantedNamespaces[]
  /** Hears that the catalog was not enough. */
  readonly onFallback: () => void
}

/** Statuses of registries that have no catalog, or not for us. */
const closed = new Set([401, 403, 404, 405, 501])

/** @throws the signal's reason */
export async function* listRepositories(source: Source, { by, wanted, onFallback, signal }: ListingOptions): AsyncGenerator<Listed, void, void> {
  if (by === 'inventory') {
    yield* fromInventory(wanted, { signal }, async () => await inventoryFrom(source, { signal }))
    return
  }
  let isEmpty = true
  let refusal: unknown
  try {
    for await (const name of source.catalog({ signal })) {
      isEmpty = false
      yield { kind: 'repository', name }
    }
    if (!isEmpty) return
  } catch (error) {
    signal.throwIfAborted()
    if (!isEmpty || !(error instanceof RegistryError) || !closed.has(error.status)) {
      yield { kind: 'failed', error }
      return
    }
    refusal = error
  }
  let inventory: Inventory | undefined
  try { inventory = await source.inventory?.({ signal }) } catch (error) {
    signal.throwIfAborted()
    yield { kind: 'failed', error }
    return
  }
  if (!inventory) {
    if (refusal !== undefined) yield { kind: 'failed', error: refusal }
    return
  }
  const found = inventory
  onFallback()
  yield* fromInventory(wanted, { signal }, async () => found)
}

/** @throws NotAHarborError, and what the looking throws */
export async function inventoryFrom(source: Source, io: Io): Promise<Inventory> {
  const inventory = await source.inventory?.(io)
  if (!inventory) throw new NotAHarborError(source.registry)
  return inventory
}

async function* fromInventory(wanted: readonly WantedNamespaces[], io: Io, open: () => Promise<Inventory>): AsyncGenerator<Listed, void, void> {
  try {
    const inventory = await open()
    for await (const namespace of namespacesIn(inventory, wanted, io)) {
      try {
        for await (const name of inventory.repositories(namespace, io)) yield { kind: 'repository', name }
      } catch (error) {
        io.signal.throwIfAborted()
        yield { kind: 'failed', namespace, error }
      }
    }
  } catch (error) {
    io.signal.throwIfAborted()
    yield { kind: 'failed', error }
  }
}

/** Those that are named, and, where some are to be found, all that are seen and wanted; each once. */
async function* namespacesIn(inventory: Inventory, wanted: readonly WantedNamespaces[], io: Io): AsyncGenerator<string, void, void> {
  const named = new Set(wanted.flatMap(({ names }) => names))
  yield* named
  const open = wanted.filter(({ isOpen }) => isOpen)
  if (open.length === 0) return
  for await (const namespace of inventory.namespaces(io)) if (!named.has(namespace) && open.some(({ test }) => test(namespace))) yield namespace
}
