// What a person says to a cutover from another process. It is written into its record; whoever runs it does it within a second, and what takes no pass is
// done here where nobody runs it.
import { type CutoverRecord, FileStore, request, requestFreeze, runCutover } from '@longshore/cutover'
import { readConfig } from '../config.ts'
import { CutoverView } from '../cutover/cutover-view.ts'
import { openElsewhere } from '../cutover/elsewhere.ts'
import { openParts } from '../cutover/open-cutover.ts'
import { holderName, stateFolder, theCutover } from '../cutover/state-folder.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverPlaceFlags } from '../flags.ts'

export type CutoverAction = 'freeze' | 'unfreeze' | 'abort'

/** @throws UsageError, CutoverNotFoundError, CutoverPhaseError, RemoteError */
export async function cutoverSteerCommand(action: CutoverAction, specs: readonly string[], flags: CutoverPlaceFlags): Promise<ExitCode> {
  await using elsewhere = await openElsewhere(specs, flags)
  if (elsewhere) {
    const { record, holder } = await elsewhere.ask(action)
    process.stdout.write(`${sentence(action, record, holder, elsewhere.whoGoesOn)}\n`)
    return ExitCode.ok
  }
  const store = new FileStore(stateFolder(specs, flags))
  const { id } = await theCutover(store)
  const asked = action === 'freeze' ? await requestFreeze(store, id) : await request(store, id, action)
  const holder = await store.holder(id)
  if (holder === undefined && asked.request) {
    const done = await settle(store, id)
    if (done) {
      process.stdout.write(`${sentence(action, done, undefined)}\n`)
      return ExitCode.ok
    }
  }
  process.stdout.write(`${sentence(action, asked, holder)}\n`)
  return ExitCode.ok
}

/** Does what was asked for, which takes no pass. `undefined`: somebody has begun to run it meanwhile, and does it. */
async function settle(store: FileStore, id: string): Promise<CutoverRecord | undefined> {
  await using hold = await store.hold(id, holderName())
  if (!hold) return undefined
  const view = new CutoverView({}, 'longshore cutover freeze')
  const { signal } = new AbortController()
  const parts = openParts({ store, id, flags: {}, config: readConfig(), abort: signal, onEvent: view.onEvent, onSeen: view.onSeen })
  return await runCutover(id, parts, hold.signal, { until: () => true })
}

function sentence(action: CutoverAction, { id, phase, request: asked }: Omit<CutoverRecord, 'spec'>, holder: string | undefined, whoElse = 'the longshore cutover command does it when it is started again'): string {
  const soon = holder === undefined ? `nobody runs this cutover: ${whoElse}` : `${holder} takes it up within a second`
  switch (action) {
    case 'freeze':
      if (phase === 'bulk') return `${id}: the freeze comes when bulk has ended, which is under way${holder === undefined ? ' when the longshore cutover command is started again' : ''}`
      return phase === 'delta' ? `${id}: the freeze is asked for; ${soon}` : phase === 'no-go' ? `${id} is frozen already, and was a no-go: the longshore cutover command tries it again, longshore cutover unfreeze leaves it` : `${id} is frozen already, at ${phase}`
    case 'unfreeze': return asked ? `${id}: asked for; ${soon}` : `${id} is not frozen${phase === 'delta' ? ': deltas go on when the longshore cutover command runs' : ''}; the next freeze is a person's`
    case 'abort': return asked ? `${id}: asked for; ${soon}` : `${id} is aborted; what was moved stays at the destination`
  }
}
