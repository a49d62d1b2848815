// A migration over Redis: this process leads it, workers move it, here or elsewhere.
import type { AccessOptions } from '@longshore/access'
import { Coordinator, endStates, eraseLeftLooks, type MigrationRecord, newLook, openMigrationAccess, type Pool, type PoolOptions, type PoolTask } from '@longshore/pool'
import { countNamed, type ExpansionNews, type RunEvent, Tally } from '@longshore/report'
import type { Migration } from '@longshore/spec'
import type { ImageResult, InFlight } from '@longshore/transfer'
import type { Config } from './config.ts'
import { createView } from './create-view.ts'
import { traceError } from './explain-error.ts'
import { ExitCode } from './exit-code.ts'
import type { OutputFlags, PoolFlags } from './flags.ts'
import { formatNumber } from './format.ts'
import { Interrupt, InterruptedError } from './interrupt.ts'
import type { MigrationRun, RunOptions } from './commands/migrate.ts'
import { pausedNote } from './paused-note.ts'
import { openSession, type PoolSession } from './pool-session.ts'
import { prepare } from './prepare.ts'
import { LookCutOffError, RunFailedError } from './run-failed-error.ts'
import { readVersion } from './version.ts'

/** Images that may be open at once, as in one process. */
const window = 512
/** How often the transfers on their way are asked for, for whoever draws them. */
const inFlightMs = 500

type Flags = AccessOptions & OutputFlags & PoolFlags & { readonly keepGoing?: boolean }

export async function runInPool(migration: Migration, flags: Flags, config: Config, options: RunOptions): Promise<MigrationRun> {
  await using session = await openSession(flags, config)
  const { pool } = session
  const { record, resumed } = await pool.store.submit(migration, poolOptions(flags, { kind: 'migrate' }, options))
  const inFlight = new Set<InFlight>()
  const shown = new Tally({ keepsEntries: false, named: countNamed(migration) })
  const view = await createView(flags, config, shown, inFlight)
  session.say = (line) => view.say(line)
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
    await using _looking = await look(session, record.id, inFlight)
    await leadAndWatch(pool, record.id, flags, config, abort.signal, (event) => {
      shown.add(event)
      view.event(event)
      if (flags.debug === true && 'error' in event) for (const line of traceError(event.error)) view.say(line)
    }, (message) => view.say(message))
    return await outcome(pool, record, { started, startedMs, interrupted: interrupt.interrupted, aborted: interrupt.aborted })
  } catch (error) {
    if (interrupt.aborted) return await outcome(pool, record, { started, startedMs, interrupted: true, aborted: true })
    if (error instanceof Error && shown.blobs.pushed + shown.manifests > 0) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  } finally {
    view.close()
  }
}

/**
 * Has the workers look at every image, and gives out what they found, in no order, when all were looked at.
 * @param onEvent is told what could not be listed or was left out @param onImage is called as images are done
 */
export async function* lookInPool(
  migration: Migration, flags: Flags, config: Config, task: Exclude<PoolTask, { kind: 'migrate' }>, signal: AbortSignal,
  onEvent: (event: ExpansionNews) => void, onImage: () => void,
): AsyncGenerator<ImageResult, void, void> {
  await using session = await openSession(flags, config)
  const { pool } = session
  await eraseLeftLooks(pool.redis, pool.store)
  // Its own, and not that of somebody who looks at the same: whoever ends first forgets it.
  const { record } = await pool.store.submit(migration, { ...poolOptions(flags, task, {}), pass: newLook() })
  try {
    let told = 0
    await using _looking = await look(session, record.id, new Set(), async () => {
      for (const { present } = await pool.store.ledger(record.id).tally(); told < present; told++) onImage()
    })
    await leadAndWatch(pool, record.id, flags, config, signal, () => {}, () => {})
    // What was not looked at is not sound.
    if ((await pool.store.head(record.id))?.state !== 'complete') throw new LookCutOffError(record.id)
    const { unlisted, untagged, dropped } = await pool.store.tally(record.id)
    for (const event of [...unlisted, ...untagged, ...dropped]) onEvent(event)
    yield* pool.store.ledger(record.id).results()
  } finally {
    // What was only looked at leaves nothing behind that anybody would ask for.
    await pool.store.erase(record.id)
  }
}

/** Leads the migration, unless somebody else does, and follows it to its end. @throws what ended it as a whole */
async function leadAndWatch(pool: Pool, id: string, flags: Flags, config: Config, signal: AbortSignal, onEvent: (event: RunEvent) => void, onNote: (message: string) => void): Promise<void> {
  const coordinator = new Coordinator({
    ...pool, version: readVersion(), openAccess: (record, onPause) => openMigrationAccess(record, flags, config, onPause),
    prepare: async (record, access, note) => await prepare(record.spec, access, config.env, note), onEvent: (event) => { if (event.type === 'note') onNote(event.message) },
  })
  const over = new AbortController()
  const leading = coordinator.runOne(id, signal)
  leading.catch((error: unknown) => over.abort(error))
  try {
    for await (const { event } of pool.store.events(id, undefined, AbortSignal.any([signal, over.signal]), leading)) onEvent(event)
  } finally {
    // What went wrong with the leading is the reason, whatever came of the watching.
    await leading
  }
  const ended = await pool.store.head(id)
  if (ended?.state === 'failed' && ended.error) throw new RunFailedError(id, ended.error)
  if (ended?.state === 'cancelled') onNote(`migration ${id} was cancelled; the same command goes on from here`)
}

async function outcome(
  pool: Pool, { id }: MigrationRecord, facts: { readonly started: Date; readonly startedMs: number; readonly interrupted: boolean; readonly aborted: boolean },
): Promise<MigrationRun> {
  const { started, startedMs, interrupted, aborted } = facts
  const [tally, registries, head] = await Promise.all([pool.store.tally(id), pool.store.uses(id), pool.store.head(id)])
  const stopped = aborted || head === undefined || !endStates.has(head.state) || head.state === 'stopped' || head.state === 'cancelled'
  return {
    tally, registries, started, ended: new Date(), ms: performance.now() - startedMs, interrupted, aborted,
    result: { images: tally.found, copied: tally.copied, present: tally.present, failed: tally.failed, abandoned: tally.openCount, stopped },
  }
}

/** Who is there, and what they are at: a migration without workers would wait in silence. */
async function look({ pool, ownWorkers, say }: PoolSession, id: string, inFlight: Set<InFlight>, also: () => Promise<void> = async () => {}): Promise<AsyncDisposable> {
  let warned = false
  let wasPaused = false
  const once = async (): Promise<void> => {
    const workers = (await pool.store.workers()).filter(({ role }) => role === 'worker')
    if (workers.length === 0 && ownWorkers === 0 && !warned) say('no worker is connected to this Redis: start some (longshore worker --redis URL), or give --workers N')
    warned = workers.length === 0
    const isPaused = (await pool.store.head(id))?.state === 'paused'
    if (isPaused && !wasPaused) say(pausedNote(id))
    wasPaused = isPaused
    await also()
    inFlight.clear()
    for (const { transfers } of workers) {
      for (const { migration, registry, repository, digest, size, sent } of transfers) {
        if (migration === id) inFlight.add({ registry, repository, desc: { mediaType: '', digest: digest as InFlight['desc']['digest'], size }, startedMs: performance.now(), sent })
      }
    }
  }
  let looking = once()
  const timer = setInterval(() => { looking = looking.then(once).catch(() => { /* Redis is away: it is told where commands wait */ }) }, inFlightMs)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await looking.catch(() => {})
    },
  }
}

function poolOptions(flags: Flags, task: PoolTask, { distrust = false, only }: Partial<RunOptions>): PoolOptions {
  return {
    task, srcTlsVerify: flags.srcTlsVerify ?? true, destTlsVerify: flags.destTlsVerify ?? true, keepGoing: flags.keepGoing ?? true, distrust, window,
    ...(only === undefined ? {} : { only: [...only] }),
  }
}
