// longshore cutover SPEC --server: a coordinator leads it, and this process looks on.
import type { CutoverPlan } from '@longshore/spec'
import { carried, optionsOf, refuseToTravel } from '../commands/submit.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import type { ReadSpecs } from '../read-specs.ts'
import { RemoteError } from '../remote-client.ts'
import { connectRemote } from '../remote.ts'
import { exitCodeOf, printSummary } from './cutover-summary.ts'
import { CutoverView } from './cutover-view.ts'
import { readKeys } from './read-keys.ts'
import { begunSchema, ServerCutover, toStanding } from './server-cutover.ts'
import { watchCutover } from './watch-cutover.ts'
import type { ReportFiles } from './write-reports.ts'

export interface GivenSpec extends Pick<ReadSpecs, 'inputs' | 'objects' | 'hints' | 'cutoverAt'> { readonly plan: CutoverPlan }

/** @throws RemoteError, ServerUnreachableError, UsageError */
export async function cutoverAtServer({ inputs, objects, hints, plan }: GivenSpec, flags: CutoverFlags, files: ReportFiles): Promise<ExitCode> {
  const client = connectRemote(flags)
  refuseToTravel(hints, flags)
  const signingKeys = await readKeys(plan)
  const ask = async (again: boolean): Promise<{ readonly cutover: ServerCutover; readonly isOver: boolean }> => {
    try {
      const begun = await client.json('/cutovers', begunSchema, {
        method: 'POST', isLong: true, json: { specs: await carried(inputs, objects), ...optionsOf(flags), ...(Object.keys(signingKeys).length === 0 ? {} : { signingKeys }), ...(again ? { again } : {}) },
      })
      const cutover = new ServerCutover(client, begun.id)
      const { record } = toStanding(begun)
      view.say(begun.resumed ? `going on with cutover ${begun.id}, at ${record.phase}` : `cutover ${begun.id} begins; the coordinator leads it, whether anybody looks on or not`)
      if (record.phase === 'no-go' && !record.request) {
        view.say('it was a no-go: the last pass, the verification and the decision are tried again, with the source still frozen')
        await cutover.ask('retry')
      }
      return { cutover, isOver: false }
    } catch (error) {
      if (!(error instanceof RemoteError) || error.code !== 'CUTOVER_OVER' || error.cutover === undefined) throw error
      view.say(error.message)
      return { cutover: new ServerCutover(client, error.cutover), isOver: true }
    }
  }
  const view = new CutoverView(flags, 'longshore cutover freeze --server URL')
  using interrupt = new Interrupt(() => view.say('it goes on without being watched: the same command shows it again, longshore cutover abort --server URL ends it'))
  const { cutover, isOver } = await ask(flags.again === true)
  try {
    const { record } = isOver ? await cutover.standing() : await watchCutover(async () => await cutover.standing(interrupt.stop), view, interrupt.stop)
    if (files.json) await files.json.commit([await cutover.report('json')])
    if (files.markdown) await files.markdown.commit([await cutover.report('markdown')])
    process.stdout.write(printSummary(record, `longshore cutover report ${cutover.id} --server ${client.url}`, flags.json === true))
    return exitCodeOf(record)
  } catch (error) {
    if (interrupt.interrupted) return ExitCode.interrupted
    throw error
  }
}
