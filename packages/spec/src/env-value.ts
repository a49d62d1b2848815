// Variables of the environment in image-syncer's files. Only a whole value names one, so that a password may hold a dollar sign.

/** What parsers of other tools' files may ask of this process. Absent where a spec comes from elsewhere. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A small text file, its end trimmed. @throws Error */
  readonly readFile: (path: string) => string
}

/**
 * `$NAME` and `${NAME}` as the variable says; `$$NAME` is the text `$NAME`, and `$$$NAME` is `$$NAME`; all else is itself.
 * @throws SyntaxError when there is no such variable
 */
export function envValue(text: string, surroundings: Surroundings | undefined): string {
  if (/^\$\$+(?:\{\w+\}|[A-Za-z_]\w*)$/.test(text)) return text.slice(1)
  const match = /^\$(?:\{(\w+)\}|([A-Za-z_]\w*))$/.exec(text)
  const name = match?.[1] ?? match?.[2]
  if (name === undefined) return text
  if (!surroundings) throw new SyntaxError(`${text} names a variable of the environment, which is not known here: write its value (or $${text} for just that text)`)
  const value = surroundings.env[name]
  if (value === undefined) throw new SyntaxError(`there is no ${name} in the environment: set it (or write $${text} for just that text)`)
  return value
}
