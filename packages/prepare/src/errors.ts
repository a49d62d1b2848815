import { MigrationError, printable } from '@longshore/oci'
import { type Finding, formatFinding } from './finding.ts'

const shown = 20

/** Destinations that are not ready and cannot be made so. Nothing was moved. */
export class NotReadyError extends MigrationError {
  override readonly name = 'NotReadyError'
  override readonly code = 'DESTINATION_NOT_READY'
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    const more = findings.length > shown ? [`and ${findings.length - shown} more`] : []
    super([...findings.slice(0, shown).map((finding) => printable(formatFinding(finding))), ...more, 'longshore plan says all there is to say about the destination'].join('\n'))
    this.findings = findings
  }
}

/** A project could not be made; the images for it fail with this, and no others. */
export class ProjectNotMadeError extends MigrationError {
  override readonly name = 'ProjectNotMadeError'
  override readonly code = 'PROJECT_NOT_MADE'
  constructor(registry: string, project: string, cause: unknown) { super(printable(`the project ${project} of ${registry} could not be made`), { cause }) }
}

/** `onMissingRepository` did not make a repository; the images for it fail with this, and no others. */
export class RepositoryNotMadeError extends MigrationError {
  override readonly name = 'RepositoryNotMadeError'
  override readonly code = 'REPOSITORY_NOT_MADE'
  constructor(registry: string, repository: string, cause: unknown) { super(printable(`${registry} has no repository ${repository}, and onMissingRepository did not make it`), { cause }) }
}

/** A coordinator was given hooks that it may not call. */
export class HooksNotAllowedError extends MigrationError {
  override readonly name = 'HooksNotAllowedError'
  override readonly code = 'HOOKS_NOT_ALLOWED'
  constructor() {
    super('the spec has hooks (onMissingRepository), which this coordinator may not call: they are commands and addresses of whoever submits. Leave them out, or start the coordinator with --allow-hooks (LONGSHORE_ALLOW_HOOKS=true)')
  }
}
