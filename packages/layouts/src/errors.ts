import { MigrationError, printable } from '@longshore/oci'

/** A file or folder is not what its transport says, or cannot be read or written. The message names the place, and the file in it. */
export class LayoutError extends MigrationError {
  override readonly name = 'LayoutError'
  override readonly code: 'LAYOUT_INVALID' | 'LAYOUT_MISSING' | 'LAYOUT_REFUSED' | 'ARCHIVE_HOSTILE'
  constructor(code: LayoutError['code'], message: string, cause?: unknown) {
    super(printable(message), { cause })
    this.code = code
  }
}
