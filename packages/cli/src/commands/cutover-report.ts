import { FileStore } from '@longshore/cutover'
import { AtomicFile } from '../atomic-file.ts'
import { openElsewhere } from '../cutover/elsewhere.ts'
import { stateFolder, theCutover } from '../cutover/state-folder.ts'
import { reportTexts } from '../cutover/write-reports.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverPlaceFlags } from '../flags.ts'

/** Before the decision it is a report of how it stands. @throws UsageError, CutoverNotFoundError, RemoteError */
export async function cutoverReportCommand(specs: readonly string[], flags: CutoverPlaceFlags & { readonly json?: boolean; readonly output?: string }): Promise<ExitCode> {
  await using file = flags.output === undefined ? undefined : await AtomicFile.begin(flags.output, '--output')
  await using elsewhere = await openElsewhere(specs, flags)
  const form = flags.json === true ? 'json' : 'markdown'
  const text = elsewhere ? await elsewhere.report(form) : reportTexts(await theCutover(new FileStore(stateFolder(specs, flags))))[form]
  if (file) await file.commit([text])
  else process.stdout.write(text)
  return ExitCode.ok
}
