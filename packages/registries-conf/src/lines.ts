// Where in a file something stands. The TOML parser gives values without places; headers and keys are found again by line, which
// holds for every way of writing that people use. A path that is not found is told by the line of what surrounds it.

/** Gives the 1-based line of a path such as `registry.0.mirror.1.location`. */
export function linesOf(text: string): (path: readonly PropertyKey[]) => number {
  const lines = new Map<string, number>()
  let table = ''
  let registry = -1
  let mirror = -1
  for (const [i, line] of text.split('\n').entries()) {
    const header = /^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}/.exec(line)?.[1]?.replace(/\s*\.\s*/g, '.')
    if (header === 'registry') {
      registry += 1
      mirror = -1
      table = `registry.${registry}`
    } else if (header === 'registry.mirror') {
      mirror += 1
      table = `registry.${registry}.mirror.${mirror}`
    } else if (header !== undefined) {
      table = header
    }
    if (header !== undefined) {
      lines.set(table, i + 1)
      continue
    }
    const key = /^\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=/.exec(line)
    const name = key?.[1] ?? key?.[2] ?? key?.[3]
    if (name !== undefined) lines.set(table === '' ? name : `${table}.${name}`, i + 1)
  }
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const line = lines.get(path.slice(0, length).map(String).join('.'))
      if (line !== undefined) return line
    }
    return 1
  }
}
