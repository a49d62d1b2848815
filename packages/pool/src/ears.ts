// What every process of a pool hears of at once: hosts that want to be left alone, migrations whose state has changed, cutovers that
// something happened to. Whoever misses it learns of it at the next beat, or from the host itself.
import type { RedisClient } from '@longshore/redis'
import { keys } from './keys.ts'
import type { MigrationState } from './migration-record.ts'

export interface Control { readonly migration: string; readonly state: MigrationState }

export class Ears {
  readonly #pauses = new Set<(message: string) => void>()
  readonly #controls = new Set<(control: Control) => void>()
  readonly #wakes = new Set<(cutover: string) => void>()

  /** @param subscriber a connection of its own: one that listens can say nothing */
  static async open(subscriber: RedisClient): Promise<Ears> {
    const ears = new Ears()
    subscriber.on('message', (channel: string, message: string) => {
      if (channel === keys.pauses) for (const hear of ears.#pauses) hear(message)
      if (channel === keys.control) for (const hear of ears.#controls) hear(JSON.parse(message) as Control)
      if (channel === keys.wakes) for (const hear of ears.#wakes) hear(message)
    })
    await subscriber.subscribe(keys.pauses, keys.control, keys.wakes)
    return ears
  }

  onPause(hear: (message: string) => void): Disposable { return listen(this.#pauses, hear) }
  onControl(hear: (control: Control) => void): Disposable { return listen(this.#controls, hear) }
  onWake(hear: (cutover: string) => void): Disposable { return listen(this.#wakes, hear) }
}

function listen<T>(listeners: Set<T>, listener: T): Disposable {
  listeners.add(listener)
  return { [Symbol.dispose]: () => { listeners.delete(listener) } }
}
