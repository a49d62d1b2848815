// How a prefix covers a name, and what becomes of the name; containers/image's `refMatchingPrefix` and `rewriteReference`.

/** How many characters of `name` the prefix covers; -1 where it does not match. */
export function matchLength(name: string, prefix: string): number {
  const end = prefix.startsWith('*.') ? wildcardEnd(name, prefix.slice(1)) : name.startsWith(prefix) ? prefix.length : -1
  // Upstream too takes `host` as matching `host:5000`.
  return end >= 0 && (end === name.length || ':/@'.includes(name.charAt(end))) ? end : -1
}

function wildcardEnd(name: string, suffix: string): number {
  const at = name.indexOf(suffix)
  return at < 0 || name.slice(0, at).includes('/') ? -1 : at + suffix.length
}

/** The entry with the longest prefix. */
export function longestMatch<E extends { readonly prefix: string }>(entries: readonly E[], name: string): E | undefined {
  let best: E | undefined
  for (const entry of entries) if (entry.prefix.length > (best?.prefix.length ?? 0) && matchLength(name, entry.prefix) >= 0) best = entry
  return best
}

/** The name at a location; `''` leaves it as it is. The prefix has to match. */
export function rewritten(name: string, prefix: string, location: string): string {
  return location === '' ? name : location + name.slice(matchLength(name, prefix))
}
