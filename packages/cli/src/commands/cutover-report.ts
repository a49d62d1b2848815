import { FileStore } from '@longshore/cutover'
import { AtomicFile } from '../atomic-file.ts'
import { stateFolder, theCutover } from '../cutover/state-folder.ts'
import { reportTexts } from '../cutover/write-reports.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverStateFlags } from '../flags.ts'

/** Before the decision it is a report of how it stands. @throws UsageError, CutoverNotFoundError */
export async function cutoverReportCommand(specs: readonly string[], flags: CutoverStateFlags & { readonly json?: boolean; readonly output?: string }): Promise<ExitCode> {
  await using file = flags.output === undefined ? undefined : await AtomicFile.begin(flags.output, '--output')
  const { json, markdown } = reportTexts(await theCutover(new FileStore(stateFolder(specs, flags))))
  const text = flags.json === true ? json : markdown
  if (file) await file.commit([text])
  else process.stdout.write(text)
  return ExitCode.ok
}
