import type { KeyObject } from 'node:crypto'
import { type ErrorRecord, MigrationError, toRecord } from '@longshore/oci'
import { askedBy, codeOf, describeUntagged, type ExpansionNews, toJsonEvent, type Unlisted, type Untagged, wantedOf } from '@longshore/report'
import type { SignatureReport } from '@longshore/signing'
import type { Migration, Origin } from '@longshore/spec'
import {
  type CheckedImage, type Finding, formatEnd, type Image, type ImageId, imageId, verify, type Verification, VerificationSum, type Wanted,
} from '@longshore/transfer'
import { type Config, readConfig } from '../config.ts'
import { CountView } from '../count-view.ts'
import { ExitCode } from '../exit-code.ts'
import { isPool, type VerifyFlags } from '../flags.ts'
import { count, formatNumber } from '../format.ts'
import { Interrupt } from '../interrupt.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { formatVerification, isMissingAtSource } from '../verification-table.ts'
import { wire } from '../wire.ts'
import { runMigration } from './migrate.ts'

const jobs = { images: 64 } as const
const nothingLookedAt = { manifests: 0, blobs: 0, contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0 } as const

/** @throws SpecError, UsageError, CollisionError */
export async function verifyCommand(specs: readonly string[], given: VerifyFlags): Promise<ExitCode> {
  const { migration, warnings, hints } = await readSpecs(specs, given, process.stdin)
  const flags = { ...given, hints }
  printWarnings(migration, warnings)
  const config = readConfig()
  // A key that cannot be read is known before the first request.
  const keys = flags.signedBy === undefined ? undefined : await (await import('@longshore/signing')).readSigstorePublicKeys(flags.signedBy)
  let checked = await checkOnce(migration, flags, config, keys)
  const broken = new Set<ImageId>(checked.verification.findings.filter(isRepairable).map(({ image }) => imageId(image)))
  if (flags.repair === true && broken.size > 0) {
    if (flags.json !== true && flags.quiet !== true) process.stdout.write(`${print(checked, flags)}\n`)
    process.stderr.write(`longshore: repairing ${count(broken.size, 'image')} of ${formatNumber(checked.verification.images)}\n`)
    const { json: _, ...shown } = flags
    const repair = isPool(flags) ? (await import('../pool-run.ts')).runInPool : runMigration
    const { interrupted } = await repair(migration, flags.json === true ? { ...shown, quiet: true } : shown, config, { keepsEntries: false, distrust: true, only: broken })
    if (interrupted) return ExitCode.interrupted
    checked = await checkOnce(migration, flags, config, keys)
  }
  const { verification, unlisted, untagged, wrongExtra, unsearched, signatures } = checked
  for (const one of untagged) process.stderr.write(`warning: ${describeUntagged(one)}\n`)
  const sound = verification.findings.length === 0 && unlisted.length === 0 && wrongExtra === 0 && unsearched === undefined && (signatures?.unsigned.length ?? 0) === 0
  process.stdout.write(flags.json === true ? printJson(checked, sound, flags) : print(checked, flags))
  return sound ? ExitCode.ok : ExitCode.failed
}

export interface Checked {
  readonly verification: Verification
  readonly unlisted: readonly Unlisted[]
  readonly untagged: readonly Untagged[]
  /** Extra tags that count as wrong. */
  readonly wrongExtra: number
  /** Why the destination could not be looked through to the end. */
  readonly unsearched?: ErrorRecord
  /** Where keys were given. */
  readonly signatures?: SignatureReport
}

function print({ verification, unlisted, wrongExtra, unsearched, signatures }: Checked, flags: VerifyFlags): string {
  return formatVerification(verification, unlisted, flags.deep, wrongExtra, unsearched, signatures)
}

/** What is gone at the source, or cannot be looked at, is not put right by moving it again. */
function isRepairable(finding: Finding): boolean { return finding.problem !== 'failed' && !isMissingAtSource(finding) }

/** Until Ctrl-C. */
export async function checkOnce(migration: Migration, flags: VerifyFlags, config: Config, keys?: readonly KeyObject[]): Promise<Checked> {
  using interrupt = new Interrupt(() => {})
  return await check(migration, flags, config, interrupt.stop, keys ? { keys } : {})
}

export interface CheckOptions {
  readonly keys?: readonly KeyObject[]
  /** Whose signatures are looked at; default: all. */
  readonly asksFor?: (image: Image) => boolean
  /** What ages in rules are reckoned from; the present where absent. In a pool it is the present. */
  readonly now?: Date
}

/** What verify and cutover look at. @throws CollisionError, the reason of `stop` */
export async function check(migration: Migration, flags: VerifyFlags, config: Config, stop: AbortSignal, { keys, asksFor = () => true, now }: CheckOptions = {}): Promise<Checked> {
  const unlisted: Unlisted[] = []
  const untagged: Untagged[] = []
  const whole = wholeOrigins(migration)
  /** Destination repositories that are meant to be like their sources. */
  const mirrored = new Set<string>()
  const images: Image[] = []
  using progress = new CountView(process.stderr, 'checked', flags.json !== true && flags.quiet !== true)
  const findings: Finding[] = []
  let looked = 0
  let sound = 0
  const looking: Looking = {
    migration, flags, config, stop, ...(now ? { now } : {}),
    onNews: (event) => {
      if (event.type === 'unlisted') unlisted.push(event)
      if (event.type === 'untagged') untagged.push(event)
    },
    onWanted: ({ image, origin }) => {
      const { destination } = image
      if (keys && asksFor(image)) images.push(image)
      if (origin && whole.has(originKey(origin))) mirrored.add(`${destination.registry}/${destination.repository}`)
    },
    onChecked: (wrong) => {
      progress.add()
      looked++
      if (wrong.length === 0) sound++
      findings.push(...wrong)
    },
  }
  let found: Verification
  try {
    found = await (isPool(flags) ? verifyInPool(looking) : verifyHere(looking))
  } catch (error) {
    // Images were checked, and then their repositories could not be listed: what was found is told with it.
    if (looked === 0 || !(error instanceof MigrationError) || stop.aborted) throw error
    return { verification: { images: looked, sound, findings, extra: [], ...nothingLookedAt }, unlisted, untagged, wrongExtra: 0, unsearched: toRecord(error) }
  }
  const policy = flags.extra ?? 'list'
  const verification = policy === 'ignore' ? { ...found, extra: [] } : found
  const wrong = policy === 'fail' ? verification.extra : verification.extra.filter((tag) => mirrored.has(`${tag.registry}/${tag.repository}`))
  return { verification, unlisted, untagged, wrongExtra: wrong.length, ...(keys ? { signatures: await checkSignatures(images, keys, migration, flags, config, stop) } : {}) }
}

/** From this process, also where workers did the rest: the keys are files of this machine. */
async function checkSignatures(images: readonly Image[], keys: readonly KeyObject[], migration: Migration, flags: VerifyFlags, config: Config, stop: AbortSignal): Promise<SignatureReport> {
  const { verifySignatures } = await import('@longshore/signing')
  await using wiring = await wire(migration, flags, config, () => {})
  using progress = new CountView(process.stderr, 'signatures looked at', flags.json !== true && flags.quiet !== true)
  return await verifySignatures(images, { target: (registry) => wiring.transports.target(registry), keys, concurrency: jobs.images, onImage: () => progress.add() }, stop)
}

interface Looking {
  readonly migration: Migration
  readonly flags: VerifyFlags
  readonly config: Config
  readonly stop: AbortSignal
  readonly now?: Date
  readonly onNews: (event: ExpansionNews) => void
  readonly onWanted: (wanted: Wanted) => void
  readonly onChecked: (findings: readonly Finding[]) => void
}

async function verifyHere({ migration, flags, config, stop, now, onNews, onWanted, onChecked }: Looking): Promise<Verification> {
  await using wiring = await wire(migration, flags, config, () => {})
  const images = async function* (): AsyncGenerator<Wanted, void, void> {
    for await (const wanted of wantedOf(migration, wiring.transports, onNews, stop, now ? { now } : {})) {
      onWanted(wanted)
      yield wanted
    }
  }
  return await verify(images(), { transports: wiring.transports, deep: flags.deep, jobs, onImage: (_, findings) => onChecked(findings) }, stop)
}

/** The workers check the images; what is at the destination beside them is looked for here. */
async function verifyInPool({ migration, flags, config, stop, onNews, onWanted, onChecked }: Looking): Promise<Verification> {
  const { lookInPool } = await import('../pool-run.ts')
  const sum = new VerificationSum()
  for await (const { wanted, details } of lookInPool(migration, flags, config, { kind: 'verify', deep: flags.deep ?? false }, stop, onNews, () => {})) {
    const checked = details as CheckedImage
    onWanted(wanted)
    onChecked(checked.findings)
    sum.add(wanted.image, checked)
  }
  await using wiring = await wire(migration, flags, config, () => {})
  return await sum.end((registry) => wiring.transports.target(registry), jobs.images, stop)
}

/** Places in the spec that take every tag of a repository. */
function wholeOrigins(migration: Migration): ReadonlySet<string> {
  return new Set(migration.entries
    .filter(({ selection }) => selection.kind === 'rule' && Object.keys(selection.rule).length === 0)
    .map(({ origin }) => originKey(origin)))
}

function originKey({ file, line }: Origin): string { return `${file}:${line}` }

function printJson({ verification, unlisted, untagged, wrongExtra, unsearched, signatures }: Checked, sound: boolean, { deep }: VerifyFlags): string {
  const findings = verification.findings.map(({ image, origin, ...rest }) => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), ...askedBy(origin), ...rest, ...(rest.error === undefined ? {} : { code: codeOf(rest.error) }) }))
  return `${JSON.stringify({ ok: sound, ...verification, ...(deep === undefined ? {} : { deep }), findings, wrongExtra, unlisted: unlisted.map(toJsonEvent), untagged: untagged.map(toJsonEvent), ...(unsearched === undefined ? {} : { unsearched }), ...(signatures === undefined ? {} : { signatures }) })}\n`
}
