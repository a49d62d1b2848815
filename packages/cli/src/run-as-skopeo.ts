import { Command } from 'commander'
import { ExitCode } from './exit-code.ts'
import { optionTerm } from './flags.ts'
import { addSkopeoCommands } from './program-skopeo.ts'
import { addGlobalOptions } from './skopeo-flags.ts'
import { runSkopeo } from './skopeo/run-skopeo.ts'
import { readVersion } from './version.ts'
import { surviveClosedPipes } from './writer.ts'

/** The version of skopeo whose commands and flags these are; scripts compare it. */
const skopeoVersion = '1.22.0'

/** From skopeo's arguments to skopeo's exit code. */
export async function runAsSkopeo(args: readonly string[]): Promise<ExitCode> {
  surviveClosedPipes(process.stdout, process.stderr)
  let code: ExitCode = ExitCode.ok
  const [first = ''] = args
  if (args.length === 1 && (first === '--version' || first === '-v')) {
    process.stdout.write(`skopeo version ${skopeoVersion} (longshore ${readVersion()})\n`)
    return code
  }
  const program = new Command('skopeo').usage('[options] COMMAND')
    .description('Various operations with container images and container image registries, by Longshore.')
    .helpCommand('help [command]', 'explain a command').exitOverride()
    .configureHelp({ optionTerm, showGlobalOptions: false, subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
  program.helpOption('-h, --help', 'explain a command')
  program.commandsGroup('Commands:')
  addSkopeoCommands(program, (result) => { code = result })
  if (first === '--help' || first === '-h' || (first === 'help' && args.length === 1)) {
    // Told here, and read behind the command: commander would keep them from it.
    addGlobalOptions(program).outputHelp()
    return code
  }
  if (first === 'help') {
    const about = program.commands.find((one) => one.name() === args[1])
    if (about) {
      about.outputHelp()
      return code
    }
  }
  return await runSkopeo(args, program, () => code)
}
