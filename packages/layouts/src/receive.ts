import type { Opener, PushOptions } from '@longshore/transfer'

/**
 * Gives `take` the content of a push, and tells how much of it went through.
 * @param take leaves nothing behind when it throws
 */
export async function receive(open: Opener, { signal, onSent }: PushOptions, take: (content: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
  let sent = 0
  await using content = await open(0)
  try {
    await take(counted())
    signal.throwIfAborted()
  } catch (error) {
    // Whoever tries again sends all of it again.
    if (sent > 0) onSent?.(-sent)
    throw error
  }

  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      signal.throwIfAborted()
      sent += chunk.byteLength
      onSent?.(chunk.byteLength)
      yield chunk
    }
  }
}
