// longshore cutover SPEC --redis: kept in Redis, moved by the workers, led by this process for as long as it lives, and by coordinators where there are any.
import { runHook } from '@longshore/hooks'
import { Coordinator, CutoverLeader, openMigrationAccess, PoolMover, RedisCutoverStore } from '@longshore/pool'
import { checkHooks, request } from '@longshore/cutover'
import { Schedules } from '@longshore/queue'
import type { Migration } from '@longshore/spec'
import { type Config, recordMsFrom } from '../config.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { openSession } from '../pool-session.ts'
import { prepare } from '../prepare.ts'
import { readVersion } from '../version.ts'
import type { GivenSpec } from './cutover-at-server.ts'
import { exitCodeOf, printSummary } from './cutover-summary.ts'
import { CutoverView } from './cutover-view.ts'
import { requiredIn, standingIn } from './redis-cutover.ts'
import { refuseUnmovable } from './refuse-unmovable.ts'
import { watchCutover } from './watch-cutover.ts'
import { reportTexts, type ReportFiles } from './write-reports.ts'

/** @throws SpecError, UsageError, CollisionError, what `connectRedis` throws */
export async function cutoverInPool(spec: Migration, flags: CutoverFlags, config: Config, files: ReportFiles, { plan, cutoverAt }: Pick<GivenSpec, 'plan' | 'cutoverAt'>): Promise<ExitCode> {
  const view = new CutoverView(flags, 'longshore cutover freeze --redis URL')
  await using session = await openSession(flags, config)
  session.say = (line) => view.say(line)
  const { pool, ownWorkers } = session
  const over = flags.again === true ? undefined : await pool.cutovers.lastGo(spec)
  if (over !== undefined) {
    view.say(`cutover ${over} has ended; nothing is moved (--again begins another one, which may overwrite what has been pushed to the destination since)`)
    return await finish(over)
  }
  if (cutoverAt) await checkHooks(plan, cutoverAt, config.env)
  if (await pool.cutovers.underWay(spec) === undefined) await refuseUnmovable(spec, flags, config)
  const { record: { id, phase, request: asked }, resumed } = await pool.cutovers.begin(spec, { srcTlsVerify: flags.srcTlsVerify ?? true, destTlsVerify: flags.destTlsVerify ?? true, ...(flags.name === undefined ? {} : { name: flags.name }) })
  view.say(resumed ? `going on with cutover ${id}, at ${phase}` : `cutover ${id} begins; it is kept in Redis`)
  if (phase === 'no-go' && !asked) {
    view.say('it was a no-go: the last pass, the verification and the decision are tried again, with the source still frozen')
    await request(pool.cutovers, id, 'retry')
  }
  using interrupt = new Interrupt(() => view.say('leaving it: the same command goes on from here, and so does a coordinator; longshore cutover abort --redis URL ends it'))
  const coordinator = new Coordinator({
    ...pool, version: readVersion(), openAccess: async (record, onPause) => await openMigrationAccess(record, flags, config, onPause),
    prepare: async (record, access, note) => await prepare(record.spec, access, config.env, note), onEvent: (event) => { if (event.type === 'note') view.say(event.message) },
  })
  await using schedules = new Schedules(pool.connection, { onProblem: (message) => view.say(message) })
  const cutovers = new RedisCutoverStore(pool.redis, pool.ears, { recordMs: recordMsFrom(config) })
  const leader = new CutoverLeader({
    id: coordinator.id, cutovers, schedules, runHook, env: config.env, onNews: () => {},
    mover: new PoolMover({
      ...pool, cutovers, openAccess: async (record) => await openMigrationAccess(record, flags, config, () => {}), lead: async (migration, signal) => await coordinator.runOne(migration, signal),
    }),
  })
  const failed = new AbortController()
  const leading = leader.runOne(id, interrupt.stop)
  leading.catch((error: unknown) => failed.abort(error))
  let isWarned = false
  try {
    await watchCutover(async () => await standingIn(pool, id), view, AbortSignal.any([interrupt.stop, failed.signal]), async ({ record }) => {
      if (isWarned || !record.current || ownWorkers > 0 || (await pool.store.workers()).some(({ role }) => role === 'worker')) return
      isWarned = true
      view.say('no worker is connected to this Redis: start some (longshore worker --redis URL), or give --workers N')
    })
    await leading
    return await finish(id)
  } catch (error) {
    await leading.catch(() => { /* told by the signal */ })
    if (interrupt.interrupted) return ExitCode.interrupted
    // Whatever was moved is moved: this is no longer an error of usage.
    if (error instanceof Error && ((await pool.cutovers.head(id))?.moved.copied ?? 0) > 0) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  }

  async function finish(ended: string): Promise<ExitCode> {
    const record = await requiredIn(pool, ended)
    const { json, markdown } = reportTexts(record)
    if (files.json) await files.json.commit([json])
    if (files.markdown) await files.markdown.commit([markdown])
    process.stdout.write(printSummary(record, `longshore cutover report ${ended} --redis URL`, flags.json === true))
    return exitCodeOf(record)
  }
}
