// What there is to say about a destination before anything moves. Plain data: `plan --json` prints it (docs/harbor.md).

export interface Finding {
  /** `problem`: something will fail. `note`: something to know. */
  readonly severity: 'problem' | 'note'
  readonly kind: FindingKind
  readonly registry: string
  /** Absent: the registry as a whole. */
  readonly project?: string
  readonly message: string
  /** What the reader can do; may be empty. */
  readonly remedy: string
}

export type FindingKind =
  | 'not-harbor' | 'unauthorized' | 'unreachable' | 'read-only'
  | 'project-missing' | 'project-forbidden' | 'proxy-cache' | 'push-forbidden'
  | 'name-invalid' | 'quota-exceeded' | 'immutable-tag' | 'pull-policy' | 'retention' | 'settings-differ' | 'not-examined'

export function problem(kind: FindingKind, registry: string, project: string | undefined, message: string, remedy: string): Finding {
  return { severity: 'problem', kind, registry, ...(project === undefined ? {} : { project }), message, remedy }
}

export function note(kind: FindingKind, registry: string, project: string | undefined, message: string, remedy = ''): Finding {
  return { severity: 'note', kind, registry, ...(project === undefined ? {} : { project }), message, remedy }
}

/** A line: where, what, and what to do. */
export function formatFinding({ registry, project, message, remedy }: Finding): string {
  return `${registry}${project === undefined ? '' : `/${project}`}: ${message}${remedy === '' ? '' : `; ${remedy}`}`
}
