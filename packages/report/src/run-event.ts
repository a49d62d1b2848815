import type { Digest, ErrorRecord, RepositoryName, Tag } from '@longshore/oci'
import { toRecord } from '@longshore/oci'
import type { ExpandEvent } from '@longshore/spec'
import { formatEnd, hintFor, type TransferEvent } from '@longshore/transfer'
import { askedBy } from './asked-by.ts'
import { codeOf } from './error-code.ts'

/** What a run tells: the engine's events, and what the expansion of the spec has to add. */
export type RunEvent =
  | TransferEvent
  /** Images that cannot be known, because their registry or repository cannot be listed. */
  | {
    readonly type: 'unlisted'; readonly registry: string; readonly repository?: string; readonly reference?: Tag | Digest
    readonly file: string; readonly line: number; readonly object?: string; readonly error: ErrorRecord; readonly hint: string
  }
  /** A tag that a rule left out. */
  | { readonly type: 'dropped'; readonly registry: string; readonly repository: RepositoryName; readonly tag: Tag; readonly rule: string; readonly reason: string }
  /** Repositories of a catalog that have no tag list: empty ones, or such as these credentials may not see. `repositories` are the first of them. */
  | { readonly type: 'untagged'; readonly registry: string; readonly count: number; readonly repositories: readonly RepositoryName[] }

export type Unlisted = Extract<RunEvent, { type: 'unlisted' }>
export type Dropped = Extract<RunEvent, { type: 'dropped' }>
export type Untagged = Extract<RunEvent, { type: 'untagged' }>
/** What the expansion has to say besides images. */
export type ExpansionNews = Unlisted | Dropped | Untagged

/** An event of the expansion that is not an image. */
export function fromExpansion(event: Exclude<ExpandEvent, { kind: 'image' }>): ExpansionNews {
  switch (event.kind) {
    case 'dropped': {
      const { registry, repository, tag, rule, reason } = event
      return { type: 'dropped', registry, repository, tag, rule, reason }
    }
    case 'untagged': {
      const { registry, count, repositories } = event
      return { type: 'untagged', registry, count, repositories }
    }
    case 'failed': {
      const error = toRecord(event.error)
      const { file, line, object } = event.origin
      return { type: 'unlisted', ...event.location, file, line, ...(object === undefined ? {} : { object }), error, hint: hintFor(error) }
    }
  }
}

/** One JSON object of one line: references as text, the way they are written everywhere else. */
export function toJsonEvent(event: RunEvent): Record<string, unknown> {
  const code = 'error' in event ? { code: codeOf(event.error) } : {}
  if (!('image' in event)) return { ...event, ...code }
  const { image, origin, ...rest } = { origin: undefined, ...event }
  return { ...rest, ...code, source: formatEnd(image.source), destination: formatEnd(image.destination), ...askedBy(origin) }
}
