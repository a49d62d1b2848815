import type { Source, Target } from '@longshore/transfer'

/** A place on this machine that is read like a registry. All failures are `LayoutError`s, or name themselves. */
export interface LayoutSource extends Source, AsyncDisposable {}

/** One that is written to as well. What was put is there for others at once, or, where the format is one file, after `finish`. */
export interface Layout extends LayoutSource, Target {
  /**
   * Makes everything that was put visible, as one step where the format allows it. Nothing after it. An archive without a manifest
   * is not made at all. Disposing without it leaves what was there before.
   */
  finish(): Promise<void>
}
