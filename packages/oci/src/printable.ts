// Names, messages and headers come from strangers: a terminal must never see their control characters.
// C0, DEL, C1, line and paragraph separators, and the bidirectional overrides that can make a name read as another.
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** `text` with every control character spelled out as `\xNN` or `\uNNNN`. */
export function printable(text: string): string {
  return text.replace(unsafe, (c) => {
    const code = c.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
