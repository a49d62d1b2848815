import { MigrationError, printable } from '@longshore/oci'

/** What a Harbor's refusal comes to. docs/errors.md has each of them. */
export type HarborErrorCode = HarborError['code']

export interface HarborRefusal {
  readonly code: HarborErrorCode
  readonly status: number
  readonly registry: string
  /** Method and path. */
  readonly request: string
  /** Harbor's own code and words; may be absent. */
  readonly said?: { readonly code: string; readonly message: string }
  /** What the reader can do. */
  readonly hint: string
}

/** Harbor's API answered, and the answer was no. */
export class HarborError extends MigrationError {
  override readonly name = 'HarborError'
  override readonly code: 'HARBOR_UNAUTHORIZED' | 'HARBOR_FORBIDDEN' | 'HARBOR_NOT_FOUND' | 'HARBOR_CONFLICT' | 'HARBOR_PRECONDITION' | 'HARBOR_LIMITED' | 'HARBOR_REFUSED' | 'HARBOR_UNAVAILABLE' | 'HARBOR_UNREADABLE'
  readonly status: number
  readonly registry: string
  readonly request: string
  readonly said: HarborRefusal['said']
  readonly hint: string

  constructor({ code, status, registry, request, said, hint }: HarborRefusal) {
    const words = said === undefined ? '' : ` (${[said.code, said.message].filter((part) => part !== '').join(': ')})`
    super(printable(`${registry} answered ${status} to ${request}${words}; ${hint}`))
    this.code = code
    this.status = status
    this.registry = registry
    this.request = request
    this.said = said
    this.hint = hint
  }
}
