// A migration over Redis: this process leads it, workers move it, here or elsewhere.
import type { AccessOptions } from '@longshore/access'
import { type ErrorRecord, MigrationError } from '@longshore/oci'
import { Coordinator, endStates, openMigrationAccess, openPool, type MigrationRecord, type Pool, type PoolOptions } from '@longshore/pool'
import { countNamed, type RunEvent, Tally } from '@longshore/report'
import type { Migration } from '@longshore/spec'
import type { InFlight } from '@longshore/transfer'
import { type Config, recordMsFrom, redisSettingsFrom } from './config.ts'
import { createView } from './create-view.ts'
import { traceError } from './explain-error.ts'
import { ExitCode } from './exit-code.ts'
import type { OutputFlags, PoolFlags } from './flags.ts'
import { formatNumber } from './format.ts'
import { Interrupt, InterruptedError } from './interrupt.ts'
import { startLocalWorkers } from './local-workers.ts'
import type { MigrationRun, RunOptions } from './commands/migrate.ts'
import { UsageError } from './usage-error.ts'
import { readVersion } from './version.ts'

const window = 512
const graceMs = 10_000
/** How often the transfers on their way are asked for, for whoever draws them. */
const inFlightMs = 500

/** A migration that another process led came to a bad end. */
export class RunFailedError extends MigrationError {
  override readonly name = 'RunFailedError'
  override readonly code = 'RUN_FAILED'
  constructor(id: string, { code, message }: ErrorRecord) { super(`migration ${id} ended before its images: ${message} (${code})`) }
}

export async function runInPool(
  migration: Migration, flags: AccessOptions & OutputFlags & PoolFlags & { readonly keepGoing?: boolean }, config: Config, options: RunOptions,
): Promise<MigrationRun> {
  const workerCount = flags.workers ?? 0
  refuseWhatWorkersCannotKnow(flags, workerCount)
  const redis = await redisSettingsFrom(config, flags.redis)
  const recordMs = recordMsFrom(config)
  const say: { line: (text: string) => void } = { line: (text) => process.stderr.write(`longshore: ${text}\n`) }
  await using pool = await openPool(redis, { recordMs, name: 'longshore-migrate', onSay: (text) => say.line(text) })
  const access = flags.maxBandwidth === undefined ? flags : { ...flags, maxBandwidth: Math.max(1, Math.floor(flags.maxBandwidth / Math.max(1, workerCount))) }
  await using _workers = workerCount === 0 ? undefined : await startLocalWorkers(workerCount, { redis, access: accessOf(access), recordMs, graceMs }, (text) => say.line(text))
  const { record, resumed } = await pool.store.submit(migration, poolOptions(flags, options))
  const inFlight = new Set<InFlight>()
  const shown = new Tally({ keepsEntries: false, named: countNamed(migration) })
  const view = await createView(flags, config, shown, inFlight)
  say.line = (text) => view.say(text)
  if (resumed) view.say(`this migration is under way already, as ${record.id}: going on with it`)
  else if (flags.debug === true) view.say(`migration ${record.id}`)
  const abort = new AbortController()
  using interrupt = new Interrupt(
    () => {
      view.say('stopping: what is on its way may arrive, nothing new is begun; again to leave at once')
      pool.store.stop(record.id).catch(() => { /* it has ended meanwhile */ })
    },
    () => {
      view.say(`left at once: ${formatNumber(shown.copied + shown.present)} of ${formatNumber(shown.total)} images are there; the same command goes on from here`)
      abort.abort(new InterruptedError())
    },
  )
  const started = new Date()
  const startedMs = performance.now()
  try {
    await using _looking = await look(pool, record.id, workerCount, inFlight, (text) => view.say(text))
    const coordinator = new Coordinator({
      ...pool, version: readVersion(), openAccess: (own, onPause) => openMigrationAccess(own, flags, config, onPause), onEvent: () => {},
    })
    const leading = coordinator.runOne(record.id, abort.signal)
    // Whoever leads, the events tell; a leader that fails is told below.
    leading.catch(() => {})
    await watch(pool, record.id, abort.signal, (event) => {
      shown.add(event)
      view.event(event)
      if (flags.debug === true && 'error' in event) for (const line of traceError(event.error)) view.say(line)
    }, leading)
    await leading
    const ended = await pool.store.get(record.id)
    if (ended?.state === 'failed' && ended.error) throw new RunFailedError(record.id, ended.error)
    return await outcome(pool, record, { started, startedMs, interrupted: interrupt.interrupted, aborted: interrupt.aborted })
  } catch (error) {
    if (interrupt.aborted) return await outcome(pool, record, { started, startedMs, interrupted: true, aborted: true })
    if (error instanceof Error && shown.blobs.pushed + shown.manifests > 0) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  } finally {
    view.close()
  }
}

/** Follows the events to the end; ends early when the leader here ends badly. */
async function watch(pool: Pool, id: string, signal: AbortSignal, onEvent: (event: RunEvent) => void, leading: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  leading.catch((error: unknown) => over.abort(error))
  for await (const { event } of pool.store.events(id, undefined, AbortSignal.any([signal, over.signal]))) onEvent(event)
}

async function outcome(
  pool: Pool, { id }: MigrationRecord, facts: { readonly started: Date; readonly startedMs: number; readonly interrupted: boolean; readonly aborted: boolean },
): Promise<MigrationRun> {
  const { started, startedMs, interrupted, aborted } = facts
  const [tally, registries, record] = await Promise.all([pool.store.tally(id), pool.store.uses(id), pool.store.get(id)])
  const stopped = aborted || record === undefined || !endStates.has(record.state) || record.state === 'stopped' || record.state === 'cancelled'
  return {
    tally, registries, started, ended: new Date(), ms: performance.now() - startedMs, interrupted, aborted,
    result: { images: tally.found, copied: tally.copied, present: tally.present, failed: tally.failed, abandoned: tally.openCount, stopped },
  }
}

/** Who is there, and what they are at: a migration without workers would wait in silence. */
async function look(pool: Pool, id: string, own: number, inFlight: Set<InFlight>, say: (line: string) => void): Promise<AsyncDisposable> {
  let warned = false
  const once = async (): Promise<void> => {
    const workers = (await pool.store.workers()).filter(({ role }) => role === 'worker')
    if (workers.length === 0 && own === 0 && !warned) say('no worker is connected to this Redis: start some (longshore worker --redis URL), or give --workers N')
    warned = workers.length === 0
    inFlight.clear()
    for (const { transfers } of workers) {
      for (const { migration, registry, repository, digest, size, sent } of transfers) {
        if (migration === id) inFlight.add({ registry, repository, desc: { mediaType: '', digest: digest as InFlight['desc']['digest'], size }, startedMs: performance.now(), sent })
      }
    }
  }
  let looking = once()
  const timer = setInterval(() => { looking = looking.then(once).catch(() => { /* Redis is away: it is told where commands wait */ }) }, inFlightMs)
  return { async [Symbol.asyncDispose]() { clearInterval(timer); await looking.catch(() => {}) } }
}

function poolOptions(flags: AccessOptions & { readonly keepGoing?: boolean }, { distrust = false }: RunOptions): PoolOptions {
  return { srcTlsVerify: flags.srcTlsVerify ?? true, destTlsVerify: flags.destTlsVerify ?? true, keepGoing: flags.keepGoing ?? true, distrust, window }
}

const accessNames = [
  'srcTlsVerify', 'destTlsVerify', 'authfile', 'srcAuthfile', 'destAuthfile', 'srcCreds', 'destCreds', 'srcUsername', 'destUsername', 'srcPassword', 'destPassword',
  'srcNoCreds', 'destNoCreds', 'srcRegistryToken', 'destRegistryToken', 'srcCertDir', 'destCertDir', 'concurrency', 'maxBandwidth',
] as const satisfies ReadonlyArray<keyof AccessOptions>

function accessOf(flags: AccessOptions): AccessOptions {
  return Object.fromEntries(accessNames.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
}

/** What is this process' own would not reach workers elsewhere: they have their own credentials and limits. */
function refuseWhatWorkersCannotKnow(flags: AccessOptions, workers: number): void {
  if (workers > 0) return
  const own = accessNames.filter((name) => flags[name] !== undefined && !['srcTlsVerify', 'destTlsVerify', 'authfile', 'srcAuthfile', 'destAuthfile'].includes(name))
  if (own.length === 0) return
  const names = own.map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`).join(', ')
  throw new UsageError(`with --redis the workers reach the registries, with credentials and limits of their own: give ${names} to them, or start workers here with --workers N`)
}

