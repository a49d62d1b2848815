import { codeOf, type Dropped, toJsonEvent, type Unlisted, wantedOf } from '@longshore/report'
import { CollisionError } from '@longshore/spec'
import { formatEnd, plan, type Plan } from '@longshore/transfer'
import { readConfig } from '../config.ts'
import { CountView } from '../count-view.ts'
import { ExitCode } from '../exit-code.ts'
import type { PlanFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { formatPlan } from '../plan-table.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { wire } from '../wire.ts'

const jobs = { images: 64 } as const

/** Asks both sides and says what a migration would do; writes nothing. @throws SpecError, UsageError, CollisionError */
export async function planCommand(specs: readonly string[], flags: PlanFlags): Promise<ExitCode> {
  const { migration, warnings } = await readSpecs(specs, flags, process.stdin)
  printWarnings(migration, warnings)
  const unlisted: Unlisted[] = []
  const dropped: Dropped[] = []
  await using wiring = await wire(migration, flags, readConfig(), () => {})
  using interrupt = new Interrupt(() => {})
  try {
    using progress = new CountView(process.stderr, 'looked at', flags.json !== true && flags.quiet !== true)
    const images = wantedOf(migration, wiring.transports, (event) => {
      if (event.type === 'dropped') dropped.push(event)
      else unlisted.push(event)
    }, interrupt.stop)
    const planned = await plan(images, { transports: wiring.transports, jobs, onImage: () => progress.add() }, interrupt.stop)
    progress[Symbol.dispose]()
    process.stdout.write(flags.json === true ? printJson(planned, dropped, unlisted) : formatPlan(planned, dropped, unlisted))
    return planned.images.some((image) => image.state === 'failed') || unlisted.length > 0 ? ExitCode.failed : ExitCode.ok
  } catch (error) {
    if (flags.json !== true || !(error instanceof CollisionError)) throw error
    const pairs = error.pairs.map(([a, b]) => ({ destination: formatEnd(b.image.destination), sources: [formatEnd(a.image.source), formatEnd(b.image.source)] }))
    process.stdout.write(`${JSON.stringify({ collisions: pairs })}\n`)
    return ExitCode.usage
  }
}

function printJson(planned: Plan, dropped: readonly Dropped[], unlisted: readonly Unlisted[]): string {
  const images = planned.images.map(({ image, ...rest }) => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), ...rest, ...(rest.state === 'failed' ? { code: codeOf(rest.error) } : {}) }))
  images.sort((a, b) => (a.destination < b.destination ? -1 : 1))
  return `${JSON.stringify({ ...planned, images, dropped, unlisted: unlisted.map(toJsonEvent), collisions: [] })}\n`
}
