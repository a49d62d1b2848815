import { formatPlatform, MigrationError, type Platform, printable, type Side } from '@longshore/oci'

/** The source has no such tag or digest (any more). */
export class ImageNotFoundError extends MigrationError {
  override readonly name = 'ImageNotFoundError'
  override readonly code = 'IMAGE_NOT_FOUND'
  constructor(reference: string, side: Side) { super(printable(`there is no ${reference} at the ${side}`)) }
}

/** Somebody moved a destination tag while its new content was on its way (promise P8). */
export class TagConflictError extends MigrationError {
  override readonly name = 'TagConflictError'
  override readonly code = 'TAG_CONFLICT'
  constructor(reference: string, seen: string | undefined, now: string) {
    super(printable(`${reference} was ${seen ?? 'absent'} when this image was resolved and names ${now} now; it was left alone`))
  }
}

/** The destination kept its tag, because it may not be overwritten there. */
export class ImmutableTagError extends MigrationError {
  override readonly name = 'ImmutableTagError'
  override readonly code = 'TAG_IMMUTABLE'
  constructor(reference: string, now: string, cause: unknown) {
    super(printable(`${reference} may not be overwritten and names other content, ${now}`), { cause })
  }
}

/** No child of the index is for any of the platforms that were asked for. */
export class PlatformNotFoundError extends MigrationError {
  override readonly name = 'PlatformNotFoundError'
  override readonly code = 'PLATFORM_NOT_FOUND'
  constructor(reference: string, wishes: readonly Platform[], there: readonly Platform[]) {
    super(printable(`${reference} has nothing for ${wishes.map(formatPlatform).join(', ')}; there is ${[...new Set(there.map(formatPlatform))].join(', ')}`))
  }
}

/** The destination refused a manifest that is out of the ordinary; its refusal, the `cause`, seldom says why. */
export class ContentRefusedError extends MigrationError {
  override readonly name = 'ContentRefusedError'
  override readonly code = 'CONTENT_REFUSED'
  constructor(registry: string, peculiarity: string, cause: unknown) {
    super(printable(`${registry} does not take this manifest, which ${peculiarity}`), { cause })
  }
}

/** The run was stopped before this was done. */
export class StoppedError extends MigrationError {
  override readonly name = 'StoppedError'
  override readonly code = 'STOPPED'
  constructor() { super('the run was stopped') }
}

/** The reason of `Checkpoint.handOver`: the process is to end, and another goes on from what the destination has. */
export class HandedOverError extends MigrationError {
  override readonly name = 'HandedOverError'
  override readonly code = 'HANDED_OVER'
  constructor() { super('the upload is handed over to another worker') }
}
