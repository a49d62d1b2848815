import { MigrationError, printable } from '@longshore/oci'

/** What came is no notification of a registry that is known here, or not for this cutover. */
export class NotificationInvalidError extends MigrationError {
  override readonly name = 'NotificationInvalidError'
  override readonly code = 'NOTIFICATION_INVALID'
  readonly status: 400 | 413 | 422
  constructor(status: 400 | 413 | 422, why: string) {
    super(printable(why))
    this.status = status
  }
}
