import { formatProblem, type Migration, type Origin } from '@longshore/spec'
import { formatEnd, type Image, type ImageId, imageId, verify, type Verification } from '@longshore/transfer'
import { type Config, readConfig } from '../config.ts'
import { CountView } from '../count-view.ts'
import { codeOf } from '../error-code.ts'
import { ExitCode } from '../exit-code.ts'
import type { VerifyFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { readSpecs } from '../read-specs.ts'
import { toJsonEvent, type Unlisted } from '../run-event.ts'
import { formatVerification } from '../verification-table.ts'
import { wantedOf } from '../wanted.ts'
import { wire } from '../wire.ts'
import { runMigration } from './migrate.ts'

const jobs = { images: 64 } as const

/** @throws SpecError, UsageError, CollisionError */
export async function verifyCommand(specs: readonly string[], flags: VerifyFlags): Promise<ExitCode> {
  const { migration, warnings } = await readSpecs(specs, flags, process.stdin)
  for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`)
  const config = readConfig()
  let checked = await check(migration, flags, config)
  if (flags.repair === true && checked.verification.findings.length > 0) {
    const broken = new Set<ImageId>(checked.verification.findings.map(({ image }) => imageId(image)))
    process.stderr.write(`longshore: repairing ${broken.size} of ${checked.verification.images} images\n`)
    const { json: _, ...shown } = flags
    const { interrupted } = await runMigration(migration, flags.json === true ? { ...shown, quiet: true } : shown, config, { keepsEntries: false, distrust: true, only: broken })
    if (interrupted) return ExitCode.interrupted
    checked = await check(migration, flags, config)
  }
  const { verification, unlisted, wrongExtra } = checked
  const sound = verification.findings.length === 0 && unlisted.length === 0 && wrongExtra === 0
  process.stdout.write(flags.json === true ? printJson(checked, sound) : formatVerification(verification, unlisted, flags.deep === true, wrongExtra))
  return sound ? ExitCode.ok : ExitCode.failed
}

export interface Checked {
  readonly verification: Verification
  readonly unlisted: readonly Unlisted[]
  /** Extra tags that count as wrong. */
  readonly wrongExtra: number
}

export async function check(migration: Migration, flags: VerifyFlags, config: Config): Promise<Checked> {
  const unlisted: Unlisted[] = []
  const whole = wholeOrigins(migration)
  /** Destination repositories that are meant to be like their sources. */
  const mirrored = new Set<string>()
  await using wiring = await wire(migration, flags, config, () => {})
  using interrupt = new Interrupt(() => {}, () => {})
  using progress = new CountView(process.stderr, 'checked', flags.json !== true && flags.quiet !== true)
  const onImage = ({ destination }: Image, origin: Origin): void => {
    if (whole.has(originKey(origin))) mirrored.add(`${destination.registry}/${destination.repository}`)
  }
  const images = wantedOf(migration, wiring.transports, (event) => { if (event.type === 'unlisted') unlisted.push(event) }, interrupt.stop, onImage)
  const found = await verify(images, { transports: wiring.transports, deep: flags.deep ?? false, jobs, onImage: () => progress.add() }, interrupt.stop)
  const policy = flags.extra ?? 'list'
  const verification = policy === 'ignore' ? { ...found, extra: [] } : found
  const wrong = policy === 'fail' ? verification.extra : verification.extra.filter((tag) => mirrored.has(`${tag.registry}/${tag.repository}`))
  return { verification, unlisted, wrongExtra: wrong.length }
}

/** Places in the spec that take every tag of a repository. */
function wholeOrigins(migration: Migration): ReadonlySet<string> {
  return new Set(migration.entries
    .filter(({ selection }) => selection.kind === 'rule' && Object.keys(selection.rule).length === 0)
    .map(({ origin }) => originKey(origin)))
}

function originKey({ file, line }: Origin): string { return `${file}:${line}` }

function printJson({ verification, unlisted, wrongExtra }: Checked, sound: boolean): string {
  const findings = verification.findings.map(({ image, ...rest }) => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), ...rest, ...(rest.error === undefined ? {} : { code: codeOf(rest.error) }) }))
  return `${JSON.stringify({ ok: sound, ...verification, findings, wrongExtra, unlisted: unlisted.map(toJsonEvent) })}\n`
}
