import { reportSchema } from '@longshore/report/schema'
import { readConfig } from '../config.ts'
import { createView } from '../create-view.ts'
import { traceError } from '../explain-error.ts'
import { ExitCode } from '../exit-code.ts'
import type { WatchFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { pausedNote } from '../paused-note.ts'
import { migrationSchema, type RemoteClient, type RemoteStatus } from '../remote-client.ts'
import { followEvents } from '../remote-events.ts'
import { connectRemote } from '../remote.ts'
import { RemoteTally, tallyOf } from '../remote-tally.ts'
import { RunFailedError } from '../run-failed-error.ts'
import { formatJsonSummary, formatSummary } from '../summary.ts'

export async function watchCommand(text: string, flags: WatchFlags): Promise<ExitCode> {
  const client = connectRemote(flags)
  return await watch(client, await client.idOf(text), flags)
}

/** Shows a migration until its end, as migrate does; the migration does not mind who looks. */
export async function watch(client: RemoteClient, id: string, flags: WatchFlags): Promise<ExitCode> {
  const tally = new RemoteTally()
  const view = await createView(flags, readConfig(), tally.shown, tally.inFlight, tally.told)
  const quiet = flags.quiet === true || flags.json === true
  using interrupt = new Interrupt(() => view.say(`migration ${id} goes on without being watched: longshore watch ${id} shows it again, longshore cancel ${id} ends it`))
  let status: RemoteStatus | undefined
  let said = ''
  try {
    for await (const told of followEvents(client, id, { signal: interrupt.stop, onTrouble: (line) => view.say(line) })) {
      if (told.type === 'run') {
        tally.add(told.event)
        view.event(told.event)
        if (flags.debug === true && 'error' in told.event) for (const line of traceError(told.event.error)) view.say(line)
        continue
      }
      ({ status } = told)
      tally.set(status)
      const line = quiet || told.type === 'end' ? '' : noteOn(status)
      if (line !== '' && line !== said) view.say(line)
      said = line
    }
  } catch (error) {
    if (interrupt.interrupted) return ExitCode.interrupted
    if (error instanceof Error && status) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  } finally {
    view.close()
  }
  return await summarise(client, id, flags)
}

/** A coordinator looks for new migrations every second, a worker may just be starting. */
const patienceMs = 5_000

/** What would explain that nothing moves. */
function noteOn({ id, state, led, workers, images, expanded, elapsedMs }: RemoteStatus): string {
  if (state === 'paused') return pausedNote(id)
  if (state !== 'running' || elapsedMs < patienceMs) return ''
  if (!led && !expanded && images.found === 0) return 'no coordinator leads it yet'
  return workers === 0 ? 'no worker is alive: start some (longshore worker --redis URL)' : ''
}

async function summarise(client: RemoteClient, id: string, flags: WatchFlags): Promise<ExitCode> {
  const report = await client.json(`/migrations/${id}/report`, reportSchema, { isLong: true })
  const { state, error, blobs, manifests } = await client.json(`/migrations/${id}`, migrationSchema)
  if (state === 'failed') {
    const failure = new RunFailedError(id, error ?? { code: 'UNKNOWN', message: 'unknown' })
    throw Object.assign(failure, blobs.pushed.count + manifests > 0 ? { exitCode: ExitCode.failed } : {})
  }
  const tally = tallyOf(report)
  const stopped = report.outcome === 'stopped'
  const facts = { ms: report.ms, stopped, registries: [...report.registries].sort((a, b) => (a.side === b.side ? 0 : a.side === 'source' ? -1 : 1)) }
  process.stdout.write(flags.json === true ? formatJsonSummary(tally, facts) : formatSummary(tally, { ...facts, files: [] }))
  return tally.failed > 0 || tally.unlisted.length > 0 || stopped ? ExitCode.failed : ExitCode.ok
}
