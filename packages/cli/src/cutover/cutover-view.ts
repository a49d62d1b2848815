// Who watches a cutover: lines on stderr, in between those of its passes; events as JSON on stdout.
import { printable } from '@longshore/oci'
import type { CutoverEvent } from '@longshore/cutover'
import { codeOf } from '@longshore/report'
import { traceError } from '../explain-error.ts'
import type { OutputFlags } from '../flags.ts'
import type { Seen } from '../move-here.ts'
import { lineOfCutover } from './cutover-lines.ts'

/** Told also with --quiet: somebody has to do something, or will wonder. */
const important = new Set<CutoverEvent['type']>(['trouble', 'frozen', 'hook', 'cut'])

export class CutoverView {
  readonly #flags: OutputFlags
  readonly #freezeWith: string
  #seen: Seen | undefined
  #waiting = ''

  constructor(flags: OutputFlags, freezeWith: string) {
    this.#flags = flags
    this.#freezeWith = freezeWith
  }

  /** The pass that is being watched; its view has the screen. */
  readonly onSeen = (seen: Seen | undefined): void => { this.#seen = seen }

  readonly onEvent = (event: CutoverEvent): void => {
    // A wait is told once, however often it is taken up.
    const isSame = event.type === 'waiting' && event.until === this.#waiting
    this.#waiting = event.type === 'waiting' ? event.until ?? '' : 'none'
    if (isSame) return
    if (this.#flags.json === true) process.stdout.write(`${JSON.stringify({ cutover: true, ...event, ...('error' in event ? { code: codeOf(event.error) } : {}) })}\n`)
    else if (this.#flags.quiet !== true || important.has(event.type)) {
      const line = lineOfCutover(event, this.#freezeWith)
      if (line !== undefined) this.say(line)
    }
    if (this.#flags.debug === true && event.type === 'trouble') for (const line of traceError(event.error)) this.say(line)
  }

  say(line: string): void {
    if (this.#seen) this.#seen.view.say(line)
    else process.stderr.write(`longshore: ${printable(line)}\n`)
  }
}
