// From arguments to an exit code. Whatever is thrown on the way ends here, as one message on stderr.
import { CommanderError } from 'commander'
import { ExitCode } from './exit-code.ts'
import { spellOutBooleans } from './flags.ts'
import { callsSkopeo, runSkopeo } from './skopeo/run-skopeo.ts'
import { createProgram } from './program.ts'
import { readVersion } from './version.ts'
import { surviveClosedPipes } from './writer.ts'

export async function run(args: readonly string[]): Promise<ExitCode> {
  surviveClosedPipes(process.stdout, process.stderr)
  let code: ExitCode = ExitCode.ok
  const program = createProgram(readVersion(), (result) => { code = result })
  if (args.length === 0) {
    program.outputHelp({ error: true })
    return ExitCode.usage
  }
  if (callsSkopeo(args)) return await runSkopeo(args, program, () => code)
  try {
    await program.parseAsync(spellOutBooleans(args, program), { from: 'user' })
    return code
  } catch (error) {
    // commander has written its message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    const { explainError } = await import('./explain-error.ts')
    process.stderr.write(explainError(error, args.includes('--debug')))
    return exitCodeOf(error)
  }
}

/** Before anything moved, an error of the run is one of its usage or its spec; the commands themselves answer for what comes later. */
function exitCodeOf(error: unknown): ExitCode {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' ? error.exitCode as ExitCode : ExitCode.usage
}
