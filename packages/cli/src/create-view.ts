import type { Tally } from '@longshore/report'
import type { InFlight } from '@longshore/transfer'
import type { Config } from './config.ts'
import type { OutputFlags } from './flags.ts'
import { JsonView, LineView, QuietView, type View } from './view.ts'

/**
 * Bars on a terminal, lines elsewhere, events for programs. Progress is on stderr; stdout is for results.
 * @param told what the events alone came to, where the tally knows more: lines are numbered by it
 */
export async function createView(flags: OutputFlags, config: Config, tally: Tally, inFlight: ReadonlySet<InFlight>, told = tally): Promise<View> {
  const { stdout, stderr } = process
  if (flags.json === true) return new JsonView(stdout, stderr)
  if (flags.quiet === true) return new QuietView(stderr)
  // A terminal that does not know its size says 0 × 0.
  if (!stderr.isTTY || config.dumbTerminal || stderr.columns < 20 || stderr.rows < 5) return new LineView(stderr, told)
  const { LiveView } = await import('./live-view.ts')
  return new LiveView(stderr, tally, inFlight)
}
