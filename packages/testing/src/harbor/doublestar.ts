/** bmatcuk/doublestar, as far as Harbor's selectors go: `*`, `**`, `?`, `[…]`, `{a,b}`; `**` crosses slashes. */
export function matchesGlob(pattern: string, word: string): boolean {
  return new RegExp(`^${toRegExp(pattern)}$`).test(word)
}

function toRegExp(pattern: string): string {
  let out = ''
  let depth = 0
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? ''
    if (pattern.startsWith('**/', i)) {
      out += '(?:.*/)?'
      i += 2
    } else if (pattern.startsWith('**', i)) {
      out += '.*'
      i++
    } else if (char === '*') out += '[^/]*'
    else if (char === '?') out += '[^/]'
    else if (char === '{') { out += '(?:'; depth++ } else if (char === '}' && depth > 0) { out += ')'; depth-- } else if (char === ',' && depth > 0) out += '|'
    else if (char === '[' && pattern.includes(']', i)) {
      const end = pattern.indexOf(']', i)
      out += `[${pattern.slice(i + 1, end).replace(/^[!^]/, '^').replaceAll('\\', '\\\\')}]`
      i = end
    } else out += RegExp.escape(char)
  }
  return out
}
