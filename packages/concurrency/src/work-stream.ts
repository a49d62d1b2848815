/**
 * Results of `work` over `items`, as they are done, at most `limit` of them in work or waiting to be taken. Items are
 * pulled while results are still outstanding. When the consumer leaves, what runs is aborted and awaited.
 */
export async function* workStream<T, R>(
  signal: AbortSignal, limit: number, items: AsyncIterable<T>, work: (item: T, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const controller = new AbortController()
  const scoped = AbortSignal.any([signal, controller.signal])
  const iterator = items[Symbol.asyncIterator]()
  const running = new Set<Promise<void>>()
  const done: R[] = []
  let isExhausted = false
  let pulling: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => { failure ??= { error } }
  const start = (item: T): void => {
    const task = (async (): Promise<void> => {
      try { done.push(await work(item, scoped)) } catch (error) { fail(error) }
    })().finally(() => running.delete(task))
    running.add(task)
  }
  const pull = async (): Promise<void> => {
    try {
      const next = await iterator.next()
      if (next.done === true) isExhausted = true
      else start(next.value)
    } catch (error) {
      isExhausted = true
      fail(error)
    } finally {
      pulling = undefined
    }
  }
  try {
    for (;;) {
      scoped.throwIfAborted()
      if (failure) throw failure.error
      if (!isExhausted && !pulling && running.size + done.length < limit) {
        pulling = pull()
      }
      const [result] = done.splice(0, 1)
      if (result !== undefined) { yield result; continue }
      if (!pulling && running.size === 0) return
      await Promise.race(pulling ? [pulling, ...running] : running)
    }
  } finally {
    controller.abort()
    await Promise.all(pulling ? [pulling, ...running] : running)
    await iterator.return?.()
  }
}
