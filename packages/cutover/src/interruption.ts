// Why a step is left before its end. None of these is a failure.
import type { RequestKind } from './record.ts'

/** A person asked for something else. */
export class DivertedError extends Error {
  override readonly name = 'DivertedError'
  readonly why: 'freeze' | RequestKind
  constructor(why: 'freeze' | RequestKind) {
    super(`${why} was asked for`)
    this.why = why
  }
}

/** The last pass has had its time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  constructor() { super('the deadline has passed') }
}
