// Failures with one reason are told together: a registry that is down fails every image in the same way, and its answers
// differ only in the names that they repeat.
import { type ErrorRecord, printable } from '@longshore/oci'
import { describeFailure, describePlace, type Unlisted } from '@longshore/report'
import { describeAskers, formatEnd, type Image, type Origin } from '@longshore/transfer'
import { count, formatNumber } from './format.ts'

/** Something that failed. `names` are the repositories that its messages may repeat. */
export interface Failure { readonly label: string; readonly names: readonly string[]; readonly error: ErrorRecord; readonly hint: string }
export interface FailureGroup { readonly reason: string; readonly hint: string; readonly failures: readonly Failure[] }

export function failureOf({ image, error, hint, origin }: { readonly image: Image; readonly error: ErrorRecord; readonly hint: string; readonly origin?: Origin }): Failure {
  const { source, destination } = image
  const askers = describeAskers(origin)
  return { label: `${formatEnd(source)} -> ${formatEnd(destination)}${askers === '' ? '' : ` (${askers})`}`, names: [source.repository, destination.repository], error, hint }
}

export function unlistedFailure(event: Unlisted): Failure {
  return { label: describePlace(event), names: event.repository === undefined ? [] : [event.repository], error: event.error, hint: event.hint }
}

/** The largest group first; what is equally large in the order in which it came. */
export function groupFailures(failures: readonly Failure[]): readonly FailureGroup[] {
  return [...Map.groupBy(failures, keyOf).values()].map((group): FailureGroup => {
    return { reason: reasonOf(group), hint: group[0]?.hint ?? '', failures: group }
  }).sort((a, b) => b.failures.length - a.failures.length)
}

/** The whole reason where all have the same; else without the names, and where it met them at several steps without the step. */
function reasonOf(group: readonly Failure[]): string {
  const told = new Set(group.map(({ error }) => describeFailure(error)))
  const [only = ''] = told
  if (told.size === 1) return only
  const blanked = Map.groupBy(group.map(({ error, names }) => blank(describeFailure(error), names)), (text) => text)
  const [[common] = ['']] = [...blanked].sort(([, a], [, b]) => b.length - a.length)
  return blanked.size === 1 ? common : common.replace(/^\w+(?: \S+)? on the (?:source|destination): /, '').replace(/ to [A-Z]+ \/\S+/, '')
}

export interface GroupLimits { readonly groups: number; readonly names: number }

/** `what` is one of the things that failed, such as `image`. */
export function formatGroups(groups: readonly FailureGroup[], what: string, limits: GroupLimits): readonly string[] {
  const lines = groups.slice(0, limits.groups).flatMap(({ reason, hint, failures }) => {
    const cure = hint === '' ? [] : [`    -> ${printable(hint)}`]
    const [first] = failures
    if (failures.length === 1 && first) return [`  ${printable(first.label)}`, `    ${printable(reason)}`, ...cure]
    const few = failures.slice(0, failures.length <= limits.names + 1 ? failures.length : limits.names)
    const more = failures.length - few.length
    return [
      `  ${count(failures.length, what)}: ${printable(reason)}`, ...few.map(({ label }) => `    ${printable(label)}`),
      ...(more > 0 ? [`    and ${formatNumber(more)} more`] : []), ...cure,
    ]
  })
  const rest = groups.slice(limits.groups)
  const untold = rest.reduce((sum, { failures }) => sum + failures.length, 0)
  return rest.length === 0 ? lines : [...lines, `  and ${count(untold, `more ${what}`)} for ${count(rest.length, 'other reason')}`]
}

/** Statuses that say it all; the words behind others do matter. */
const plain = new Set([401, 403, 429])

function keyOf({ error, hint, names }: Failure): string {
  const parts: string[] = []
  for (let at: ErrorRecord | undefined = error; at; at = at.cause) {
    const { name, code, side, status, registry, message } = at
    if (name === 'CopyError') parts.push(`${side}`)
    else if (name === 'ConnectionError') { parts.push(`${code} ${registry}`); break }
    else if (status === undefined) parts.push(`${code} ${blank(message, names)}`)
    // An answer to HEAD has no words, so its code is another.
    else parts.push(plain.has(status) || status >= 500 ? `${status} ${registry}` : `${code} ${status} ${registry} ${blank(message.replace(/^.*? to [A-Z]+ \S+/, ''), names)}`)
  }
  return [...parts, hint].join('\n')
}

/** The text with an image's own names, digests and upload locations taken out. */
function blank(text: string, names: readonly string[]): string {
  let left = text
  // The longer one first: the source's name is often the end of the destination's.
  for (const name of names.toSorted((a, b) => b.length - a.length)) left = blankName(left, name)
  return left.replace(/…[:@][\w.:-]*\w/g, '…').replace(/(\/manifests\/|\/uploads\/)\S+/g, '$1…').replace(/\b(sha256|sha512):[0-9a-f]{64,}/g, '$1:…')
}

/** No regular expression per name: there may be a hundred thousand. */
function blankName(text: string, name: string): string {
  let blanked = ''
  let from = 0
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, from)) {
    const before = text.charAt(at - 1)
    const after = text.charAt(at + name.length)
    // A name of one word is meant only where something of a reference is beside it.
    const isName = !/[\w-]/.test(after) && (before === '/' || (!/[\w.-]/.test(before) && (name.includes('/') || /[/:@]/.test(after))))
    blanked += text.slice(from, at) + (isName ? '…' : name)
    from = at + name.length
  }
  return blanked + text.slice(from)
}
