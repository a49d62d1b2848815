import { expand, type Migration } from '@longshore/spec'
import type { Config } from '../config.ts'
import { Interrupt } from '../interrupt.ts'
import type { MoveFlags } from '../move-here.ts'
import { wire } from '../wire.ts'

/** Repositories that are listed at once, where two could meet at the destination. */
const listings = 32

/**
 * What would end every pass as a whole is found before a cutover is written down: an image onto itself, two for one place, credentials that cannot be read. Tags
 * are listed where two could meet, and nowhere else.
 * @throws SelfCopyError, CollisionError, UsageError, what opening the registries throws
 */
export async function refuseUnmovable(spec: Migration, flags: MoveFlags, config: Config): Promise<void> {
  await using wiring = await wire(spec, flags, config, () => {})
  using interrupt = new Interrupt(() => {})
  const images = expand(spec, (registry) => wiring.transports.source(registry), { concurrency: listings, signal: interrupt.stop })
  await images.next()
  await images.return()
}
