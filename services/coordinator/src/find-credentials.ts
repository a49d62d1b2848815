// A spec is kept in Redis and shown to whoever may see a migration, so no secret may be in it. The parser would refuse most of these
// anyway, and name them in its complaint; this looks first, and names only the place.
import { detectFormat, type Problem, type SpecFormat, type SpecInput } from '@longshore/spec'

const names = 'user(?:name)?|pass(?:word|wd)?|token|secret|creds?|credentials|auth(?:file|s)?|(?:registry|identity|access|refresh)[-_]?token|(?:src|dest)[-_]?creds'
/** A key of YAML, on a line of its own or inside braces. Here and below, no pattern looks at a letter more than a few times: lines may be megabytes long. */
const lineKey = new RegExp(String.raw`^[\s-]*(["']?(?:${names})["']?\s*:)(?=\s|$)`, 'i')
const flowKey = new RegExp(String.raw`[{,]\s*(["']?(?:${names})["']?\s*:)(?=\s|$)`, 'gi')
const mostTold = 20

export function findCredentials({ name: file, content }: SpecInput, format: SpecFormat | undefined): readonly Problem[] {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8')
  const isYaml = (format ?? detectFormat(text)) !== 'list'
  const found: Problem[] = []
  let line = 0
  for (const raw of text.split('\n')) {
    line++
    if (found.length >= mostTold) break
    // Comments are not kept.
    const comment = raw.includes('#') ? /(?:^|\s)#/.exec(raw) : null
    const words = comment ? raw.slice(0, comment.index) : raw
    if (words.includes('@')) for (const column of userInfos(words)) found.push({ file, line, column, message: 'a user and a password stand before a host' })
    if (isYaml) for (const column of secretKeys(words)) found.push({ file, line, column, message: 'this key is for credentials' })
  }
  return found.slice(0, mostTold)
}

/** `user:password@host`, wherever a name may begin. With a digest behind the sign it is `name:tag@digest`. */
function* userInfos(line: string): Generator<number> {
  for (const { 0: word, index } of line.matchAll(/[^\s"',]+/g)) {
    const at = word.search(/@(?!sha\d+:)[\w[]/)
    const user = at < 0 ? null : /(?<=^|[=[\](){}]|\/\/)[\w.+%~-]+:./.exec(word.slice(0, at))
    if (user) yield index + user.index + 1
  }
}

function* secretKeys(line: string): Generator<number> {
  const first = lineKey.exec(line)
  if (first) yield first[0].length - (first[1]?.length ?? 0) + 1
  for (const match of line.matchAll(flowKey)) yield match.index + match[0].length - (match[1]?.length ?? 0) + 1
}

/** Whether a parameter of this name would carry credentials. */
export function isSecretName(name: string): boolean {
  return /cred|passw|username|token|secret|auth/i.test(name)
}
