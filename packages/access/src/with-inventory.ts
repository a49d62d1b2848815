// A registry's client as a source that can be asked for an inventory, too.
import type { Registry } from '@longshore/registry'
import type { Inventory, Io, Source } from '@longshore/transfer'
import { foundOnce, perClient } from './per-client.ts'

/** The same one for the same client: what it is asked is found out once. */
export const withInventory = perClient((client): Source => ({ ...client, inventory: foundOnce((io) => lookFor(client, io)) }))

async function lookFor(client: Registry, io: Io): Promise<Inventory | undefined> {
  // Few migrations ask.
  const { Harbor, inventoryOf } = await import('@longshore/harbor')
  return await inventoryOf(new Harbor(client), io)
}
