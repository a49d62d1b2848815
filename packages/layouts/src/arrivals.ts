import type { Descriptor, Digest } from '@longshore/oci'
import type { Opener, PushOptions, PushOutcome } from '@longshore/transfer'

/** Blobs on their way in. One that several ask for at once comes once; should it fail for one, another brings it. */
export class Arrivals {
  readonly #coming = new Map<Digest, Promise<void>>()

  /** @param receive takes all of the content, and leaves nothing behind when it throws */
  async push(
    desc: Descriptor, open: Opener, { signal, onSent }: PushOptions, holds: () => boolean, receive: (content: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<PushOutcome> {
    for (;;) {
      signal.throwIfAborted()
      if (holds()) return 'existed'
      const other = this.#coming.get(desc.digest)
      if (other === undefined) break
      await other.catch(() => undefined)
    }
    const coming = bring(open, onSent, receive)
    this.#coming.set(desc.digest, coming)
    try {
      await coming
    } finally {
      this.#coming.delete(desc.digest)
    }
    return 'pushed'
  }
}

async function bring(open: Opener, onSent: PushOptions['onSent'], receive: (content: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
  let sent = 0
  await using content = await open(0)
  try {
    await receive(counted())
  } catch (error) {
    // Whoever tries again sends all of it again.
    if (sent > 0) onSent?.(-sent)
    throw error
  }

  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      sent += chunk.byteLength
      onSent?.(chunk.byteLength)
      yield chunk
    }
  }
}
