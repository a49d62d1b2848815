// Thousands of requests share one signal. One listener per signal, and a set behind it, is cheaper than a listener each.
export interface Cancellable { cancel(reason: Error): void }

const watched = new WeakMap<AbortSignal, Set<Cancellable>>()

/** `target.cancel` is called when the signal aborts, until `unwatchAbort`. */
export function watchAbort(signal: AbortSignal, target: Cancellable): void {
  if (signal.aborted) {
    target.cancel(signal.reason as Error)
    return
  }
  const known = watched.get(signal)
  if (known) {
    known.add(target)
    return
  }
  const targets = new Set([target])
  watched.set(signal, targets)
  signal.addEventListener('abort', () => {
    watched.delete(signal)
    for (const each of targets) each.cancel(signal.reason as Error)
  }, { once: true })
}

export function unwatchAbort(signal: AbortSignal, target: Cancellable): void {
  watched.get(signal)?.delete(target)
}
