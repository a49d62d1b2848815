// A spec is kept in Redis and shown to whoever may see a migration, so no secret may be in it. The parser would refuse most of these
// anyway, and name them in its complaint; this looks first, and names only the place.
import { detectFormat, type Problem, type SpecInput } from '@longshore/spec'

/** `user:password@host`, wherever a name may begin. A digest behind the sign makes it `name:tag@digest`. */
const userInfo = /(?<=^|[\s"'=[\](){},]|\/\/)[\w.+%~-]+:[^\s@"',]+@(?!sha\d+:)[\w[]/g
const names = 'user(?:name)?|pass(?:word|wd)?|token|secret|creds?|credentials|auth(?:file|s)?|(?:registry|identity|access|refresh)[-_]?token|(?:src|dest)[-_]?creds'
/** A key of YAML, on a line of its own or inside braces. */
const secretKey = new RegExp(String.raw`(?<=^\s*(?:-\s+)*|[{,]\s*)["']?(?:${names})["']?\s*:(?=\s|$)`, 'gi')

export function findCredentials({ name: file, content }: SpecInput, format: 'list' | 'yaml' | undefined): readonly Problem[] {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8')
  const isYaml = (format ?? detectFormat(text)) === 'yaml'
  const found: Problem[] = []
  let line = 0
  for (const raw of text.split('\n')) {
    line++
    if (found.length >= 20) break
    if (!raw.includes('@') && !isYaml) continue
    // Comments are not kept.
    const comment = /(?:^|\s)#/.exec(raw)
    const words = comment ? raw.slice(0, comment.index) : raw
    for (const { index } of words.matchAll(userInfo)) found.push({ file, line, column: index + 1, message: 'a user and a password stand before a host' })
    if (isYaml) for (const { index } of words.matchAll(secretKey)) found.push({ file, line, column: index + 1, message: 'this key is for credentials' })
  }
  return found
}

/** Whether a parameter of this name would carry credentials. */
export function isSecretName(name: string): boolean {
  return /cred|passw|username|token|secret|auth/i.test(name)
}
