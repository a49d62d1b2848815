import { caughtUpTo, FileStore, nextPassOf, planOf } from '@longshore/cutover'
import { openElsewhere } from '../cutover/elsewhere.ts'
import { formatStanding, type Standing, standingToJson } from '../cutover/standing.ts'
import { stateFolder, theCutover } from '../cutover/state-folder.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverPlaceFlags } from '../flags.ts'

/** More are not counted. */
const countedChanges = 10_000

/** @throws UsageError, CutoverNotFoundError, RemoteError */
export async function cutoverStatusCommand(specs: readonly string[], flags: CutoverPlaceFlags & { readonly json?: boolean }): Promise<ExitCode> {
  await using elsewhere = await openElsewhere(specs, flags)
  const standing = elsewhere ? await elsewhere.standing() : await standingHere(specs, flags)
  const now = new Date()
  process.stdout.write(flags.json === true ? `${JSON.stringify(standingToJson(standing, now))}\n` : formatStanding(standing, now, elsewhere ? elsewhere.whoGoesOn : 'the longshore cutover command goes on with it'))
  return ExitCode.ok
}

async function standingHere(specs: readonly string[], flags: CutoverPlaceFlags): Promise<Standing> {
  const store = new FileStore(stateFolder(specs, flags))
  const { spec, ...record } = await theCutover(store)
  return {
    record, holder: await store.holder(record.id), waiting: (await store.changes(record.id, countedChanges)).length,
    caughtUpTo: caughtUpTo(record), nextPass: nextPassOf(record, planOf({ ...record, spec })),
  }
}
