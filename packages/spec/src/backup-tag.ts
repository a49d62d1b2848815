// The tag under which a manifest is kept when a prune takes its tag away: `pruned-{date}-{tag}`.
import { isTag, type Tag } from '@longshore/oci'

/** `2026-11-26`, in UTC. */
function dateOf(now: Date): string { return now.toISOString().slice(0, 10) }

/** @throws SyntaxError saying what is wrong with the template */
export function checkBackupTag(template: string): string {
  const unknown = [...template.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name).find((name) => name !== 'tag' && name !== 'date')
  if (unknown !== undefined) throw new SyntaxError(`{${unknown}} stands for nothing in a backup tag; {tag} and {date} do`)
  if (!template.includes('{tag}')) throw new SyntaxError('a backup tag has {tag} in it: without, two tags would be kept under one name')
  if (template.replaceAll(/\{date\}/g, '') === '{tag}') throw new SyntaxError('a backup tag has more in it than {tag} and {date}: pruned-{date}-{tag}')
  if (!isTag(backupText(template, 'x', new Date(0)))) throw new SyntaxError(`"${template}" makes no valid tags: letters, digits, "_", "." and "-", beginning with none of the last two`)
  return template
}

function backupText(template: string, tag: string, now: Date): string { return template.replaceAll('{date}', dateOf(now)).replaceAll('{tag}', () => tag) }

/** `undefined` where the name would be too long for a tag. */
export function backupName(template: string, tag: Tag, now: Date): Tag | undefined {
  const name = backupText(template, tag, now)
  return isTag(name) ? name : undefined
}

/** Matches every name that the template may have made, on whatever day. */
export function backupPattern(template: string): RegExp {
  const parts = template.split(/(\{tag\}|\{date\})/)
  return new RegExp(`^${parts.map((part) => (part === '{tag}' ? '.+' : part === '{date}' ? '\\d{4}-\\d{2}-\\d{2}' : RegExp.escape(part))).join('')}$`)
}
