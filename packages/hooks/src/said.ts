// The end of a hook's words as one line of an error.
import { withoutSecrets } from './secrets.ts'

/** Bytes of it that are read, so that a secret is not cut in two where it is shown; characters that are shown. */
export const saidBytes = 16 * 1024
const saidLength = 600

export function said(text: string, secrets: Iterable<string>): string {
  const line = withoutSecrets(text, secrets).trim().replace(/\s+/g, ' ')
  return line.length > saidLength ? `…${line.slice(-saidLength)}` : line
}
