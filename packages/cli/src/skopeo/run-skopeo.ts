// From arguments to an exit code, by skopeo's rules: 0, 1, and 2 where an image that was to be read is not there.
import { type Command, CommanderError } from 'commander'
import type { ExitCode } from '../exit-code.ts'
import { InterruptedError } from '../interrupt.ts'
import { skopeoCommands } from '../program-skopeo.ts'
import { globalOptions } from '../skopeo-flags.ts'
import { goWords } from './go-words.ts'
import { log } from './logrus.ts'
import { findCommand, normalizeFlags } from './pflag.ts'
import { CommandTimeoutError, SkopeoError } from './skopeo-error.ts'

/** Whether these arguments call one of skopeo's commands. */
export function callsSkopeo(args: readonly string[]): boolean {
  const name = args[0]?.startsWith('-') === true ? findCommand(args, globalOptions())?.name : args[0]
  return name !== undefined && skopeoCommands.has(name)
}

/** @param code tells what the command that ran gave */
export async function runSkopeo(args: readonly string[], program: Command, code: () => ExitCode): Promise<ExitCode> {
  try {
    const found = findCommand(args, globalOptions())
    const command = found && program.commands.find((one) => one.name() === found.name)
    if (!found || !command) throw new SkopeoError(unknownCommand(args, found?.name))
    const flags = normalizeFlags([...args.slice(0, found.at).flatMap((arg) => globalTlsVerify(arg, command)), ...args.slice(found.at + 1)], command)
    if (flags === 'help') command.outputHelp()
    else await program.parseAsync([found.name, ...flags], { from: 'user' })
    return code()
  } catch (error) {
    // commander has written its message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
    if (args.includes('--debug') && error instanceof Error && error.stack !== undefined) log('debug', error.stack)
    log('fatal', goWords(error))
    // What did not heed its signal may hold a connection for a while, and with it the process.
    if (error instanceof CommandTimeoutError) process.exit(error.exitCode)
    if (error instanceof InterruptedError) return error.exitCode
    return error instanceof SkopeoError ? error.exitCode : 1
  }
}

/** `--tls-verify` before the command is of every registry that the command speaks to, unless it says otherwise. */
function globalTlsVerify(arg: string, { options }: Command): readonly string[] {
  const [, value = ''] = /^--tls-verify(=.*)?$/s.exec(arg) ?? []
  if (arg !== `--tls-verify${value}`) return [arg]
  log('warning', '\'--tls-verify\' is deprecated, please set this on the specific subcommand')
  return options.some(({ long }) => long === '--src-tls-verify') ? [`--src-tls-verify${value}`, `--dest-tls-verify${value}`] : [arg]
}

function unknownCommand(args: readonly string[], name: string | undefined): string {
  const hint = 'Try \'skopeo --help\' for more information'
  if (name !== undefined) return `Unrecognized command \`skopeo ${name}\`\n${hint}`
  const flag = args.find((arg) => arg.startsWith('-') && !globalOptions().some(({ long }) => long === arg.split('=', 1)[0]))
  if (flag === undefined) return `Missing command 'skopeo COMMAND'\n${hint}`
  return flag.startsWith('--') ? `unknown flag: ${flag.split('=', 1)[0]}` : `unknown shorthand flag: '${flag[1] ?? ''}' in ${flag}`
}
