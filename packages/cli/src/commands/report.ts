import { once } from 'node:events'
import { AtomicFile } from '../atomic-file.ts'
import { ExitCode } from '../exit-code.ts'
import type { ReportFlags } from '../flags.ts'
import { connectRemote } from '../remote.ts'

/** @throws RemoteError, UsageError */
export async function reportCommand(text: string, flags: ReportFlags): Promise<ExitCode> {
  const client = connectRemote(flags)
  await using file = flags.output === undefined || flags.output === '-' ? undefined : await AtomicFile.begin(flags.output, '--output')
  const id = await client.idOf(text)
  const answer = await client.open(`/migrations/${id}/${flags.failed === true ? 'failed' : 'report'}`, { isLong: true })
  const pieces: string[] = []
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    if (file) pieces.push(piece)
    else if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
  }
  await file?.commit(pieces)
  return ExitCode.ok
}
