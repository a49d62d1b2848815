// A registry's client as a source that can be asked for an inventory, too.
import type { Registry } from '@longshore/registry'
import type { Inventory, Io, Source } from '@longshore/transfer'

const sources = new WeakMap<Registry, Source>()

/** The same one for the same client: what it is asked is found out once. */
export function withInventory(client: Registry): Source {
  const known = sources.get(client) ?? make(client)
  sources.set(client, known)
  return known
}

function make(client: Registry): Source {
  let found: Promise<Inventory | undefined> | undefined
  return {
    ...client,
    inventory: async (io: Io) => {
      const finding = found ??= lookFor(client, io)
      finding.catch(() => { found = undefined })
      return await finding
    },
  }
}

async function lookFor(client: Registry, io: Io): Promise<Inventory | undefined> {
  // Few migrations ask.
  const { Harbor, inventoryOf } = await import('@longshore/harbor')
  return await inventoryOf(new Harbor(client), io)
}
