import type { Access } from '@longshore/access'
import type { Finding } from '@longshore/prepare'
import { askedBy, codeOf, type Dropped, type ExpansionNews, toJsonEvent, type Unlisted, type Untagged, wantedOf } from '@longshore/report'
import { CollisionError, type Migration, needsPreparation } from '@longshore/spec'
import { formatEnd, listingOnce, plan, type Plan, PlanSum, type ScoutedImage } from '@longshore/transfer'
import { type Config, readConfig } from '../config.ts'
import { CountView } from '../count-view.ts'
import { ExitCode } from '../exit-code.ts'
import { isPool, type PlanFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { type DestinationFindings, formatPlan, type Left } from '../plan-table.ts'
import { hostsOf } from '../prepare.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { wire } from '../wire.ts'

const jobs = { images: 64 } as const

/** Asks both sides and says what a migration would do; writes nothing. @throws SpecError, UsageError, CollisionError */
export async function planCommand(specs: readonly string[], given: PlanFlags): Promise<ExitCode> {
  const { migration, warnings, hints } = await readSpecs(specs, given, process.stdin)
  const flags = { ...given, hints }
  printWarnings(migration, warnings)
  const unlisted: Unlisted[] = []
  const untagged: Untagged[] = []
  const dropped: Dropped[] = []
  const config = readConfig()
  using interrupt = new Interrupt(() => {})
  try {
    using progress = new CountView(process.stderr, 'looked at', flags.json !== true && flags.quiet !== true)
    const onEvent = (event: ExpansionNews): void => {
      switch (event.type) {
        case 'dropped': dropped.push(event); break
        case 'untagged': untagged.push(event); break
        case 'unlisted': unlisted.push(event); break
      }
    }
    const { planned, findings } = await (isPool(flags) ? planInPool(migration, flags, config, onEvent, () => progress.add(), interrupt.stop)
      : planHere(migration, flags, config, onEvent, () => progress.add(), interrupt.stop))
    progress[Symbol.dispose]()
    process.stdout.write(flags.json === true ? printJson(planned, { dropped, unlisted, untagged }, findings) : formatPlan(planned, { dropped, unlisted, untagged }, await told(findings)))
    return planned.images.some((image) => image.state === 'failed') || unlisted.length > 0 || findings.some(({ severity }) => severity === 'problem') ? ExitCode.failed : ExitCode.ok
  } catch (error) {
    if (flags.json !== true || !(error instanceof CollisionError)) throw error
    const pairs = error.pairs.map(([a, b]) => ({ destination: formatEnd(b.image.destination), sources: [formatEnd(a.image.source), formatEnd(b.image.source)] }))
    process.stdout.write(`${JSON.stringify({ collisions: pairs })}\n`)
    return ExitCode.usage
  }
}

type OnEvent = (event: ExpansionNews) => void

interface Planned { readonly planned: Plan; readonly findings: readonly Finding[] }

async function planHere(migration: Migration, flags: PlanFlags, config: Config, onEvent: OnEvent, onImage: () => void, stop: AbortSignal): Promise<Planned> {
  await using wiring = await wire(migration, flags, config, () => {})
  const transports = listingOnce(needsPreparation(migration) ? (await import('@longshore/prepare')).plannedTransports(wiring.transports, migration, hostsOf(wiring)) : wiring.transports)
  const planned = await plan(wantedOf(migration, transports, onEvent, stop), { transports, jobs, onImage }, stop)
  return { planned, findings: await examineFrom(wiring, migration, planned, stop) }
}

async function planInPool(migration: Migration, flags: PlanFlags, config: Config, onEvent: OnEvent, onImage: () => void, stop: AbortSignal): Promise<Planned> {
  const { lookInPool } = await import('../pool-run.ts')
  const sum = new PlanSum()
  for await (const { details } of lookInPool(migration, flags, config, { kind: 'plan' }, stop, onEvent, onImage)) sum.add(details as ScoutedImage)
  const planned = sum.plan()
  await using wiring = await wire(migration, flags, config, () => {})
  return { planned, findings: await examineFrom(wiring, migration, planned, stop) }
}

/** The Harbors among the destinations, by this process' own credentials. */
async function examineFrom(access: Access, migration: Migration, planned: Plan, signal: AbortSignal): Promise<readonly Finding[]> {
  if (planned.images.length === 0) return []
  const { examine } = await import('@longshore/prepare')
  return await examine(migration, planned, { hostOf: hostsOf(access), signal })
}

async function told(findings: readonly Finding[]): Promise<DestinationFindings> {
  if (findings.length === 0) return { problems: [], notes: [] }
  const { formatFinding } = await import('@longshore/prepare')
  const of = (wanted: Finding['severity']): readonly string[] => findings.filter(({ severity }) => severity === wanted).map(formatFinding)
  return { problems: of('problem'), notes: of('note') }
}

function printJson(planned: Plan, { dropped, unlisted, untagged }: Left, findings: readonly Finding[]): string {
  const images = planned.images.map(({ image, origin, ...rest }) => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), ...askedBy(origin), ...rest, ...(rest.state === 'failed' ? { code: codeOf(rest.error) } : {}) }))
  images.sort((a, b) => (a.destination < b.destination ? -1 : 1))
  return `${JSON.stringify({ ...planned, images, dropped, unlisted: unlisted.map(toJsonEvent), untagged: untagged.map(toJsonEvent), collisions: [], findings })}\n`
}
