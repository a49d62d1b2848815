import { describeRecord, type ErrorRecord, printable } from '@longshore/oci'
import type { RunEvent } from './run-event.ts'

/** One line: what was attempted, then why it did not work. What lies under a failed connection is in its message already. */
export function describeFailure(record: ErrorRecord): string {
  const visible = (r: ErrorRecord): ErrorRecord => {
    const { cause, ...rest } = r
    return cause === undefined || r.name === 'ConnectionError' ? rest : { ...rest, cause: visible(cause) }
  }
  return describeRecord(visible(record))
}

export function describeUnlisted(event: Extract<RunEvent, { type: 'unlisted' }>): string {
  return printable(`${describePlace(event)}: ${describeFailure(event.error)}${event.hint === '' ? '' : ` (${event.hint})`}`)
}

/** A place in a spec, and what it names: `rules.yaml:3: r.example.com/team/app`. */
export function describePlace(event: Extract<RunEvent, { type: 'unlisted' }>): string {
  const what = [event.registry, event.repository].filter((part) => part !== undefined).join('/')
  return `${event.file}:${event.line}: ${event.object === undefined ? '' : `${event.object}: `}${what}${event.reference === undefined ? '' : ` ${event.reference}`}`
}

/** Repositories without a tag list, which is no failure: many registries keep the names of empty ones. */
export function describeUntagged({ registry, count, repositories }: Extract<RunEvent, { type: 'untagged' }>): string {
  const [have, them] = count === 1 ? ['repository', 'it is'] : ['repositories', 'they are']
  const more = count > repositories.length ? ` and ${count - repositories.length} more` : ''
  return printable(`nothing is moved of ${count} ${have} in the catalog of ${registry} without a list of tags (404): ${repositories.join(', ')}${more}; ${them} empty, or these credentials may not see ${count === 1 ? 'it' : 'them'}`)
}
