// Completion scripts, written from commander's own definitions: what --help shows is what completes.
import type { Command, Option } from 'commander'
import { ExitCode } from '../exit-code.ts'
import { UsageError } from '../usage-error.ts'

const shells = ['bash', 'zsh', 'fish'] as const

/** @throws UsageError */
export function completionCommand(shell: string, program: Command): ExitCode {
  process.stdout.write(printCompletion(shell, program))
  return ExitCode.ok
}

/** @throws UsageError when it is another shell */
export function printCompletion(shell: string, program: Command): string {
  switch (shell) {
    case 'bash': return bash(program)
    case 'zsh': return zsh(program)
    case 'fish': return fish(program)
    default: throw new UsageError(`there is no completion for ${shell}; there is for ${shells.join(', ')}`)
  }
}

function commandsOf(program: Command): readonly Command[] {
  return [...program.commands]
}

/** As typed: a boolean takes its value behind `=`, which is left to the person. */
function long(option: Option): string { return option.long ?? option.short ?? '' }
function takesValue(option: Option): boolean { return option.required }
function takesFile(option: Option): boolean { return takesValue(option) && /file|report|failed|dir/i.test(long(option)) }

function wordsOf(command: Command): readonly string[] {
  if (command.name() === 'completion') return [...shells, '--help']
  return [...command.options.map(long), '--help']
}

function bash(program: Command): string {
  const names = commandsOf(program).map((c) => c.name())
  const values = commandsOf(program).flatMap((c) => c.options).filter((o) => o.argChoices !== undefined)
  const choices = new Map(values.map((o) => [long(o), o.argChoices ?? []]))
  return `# longshore completion bash
_longshore() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...names, 'help', '--help', '--version'].join(' ')}" -- "$cur"))
    return
  fi
  case $prev in
${[...choices].map(([flag, words]) => `    ${flag}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur")); return ;;`).join('\n')}
  esac
  local words=
  case $command in
${commandsOf(program).map((c) => `    ${c.name()}) words="${wordsOf(c).join(' ')}" ;;`).join('\n')}
    help) words="${names.join(' ')}" ;;
  esac
  if [ "$command" = completion ] || [ "$command" = help ] || [ "\${cur#-}" != "$cur" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _longshore longshore
`
}

function zsh(program: Command): string {
  const spec = (option: Option): string => {
    const text = option.description.replace(/[[\]]/g, '').replaceAll("'", '').replaceAll(':', ' -')
    const value = !takesValue(option) ? ''
      : option.argChoices !== undefined ? `:value:(${option.argChoices.join(' ')})` : takesFile(option) ? ':file:_files' : ':value:'
    return `'*${long(option)}${takesValue(option) ? '=' : ''}[${text}]${value}'`
  }
  return `#compdef longshore
# longshore completion zsh
_longshore() {
  local -a commands
  commands=(
${commandsOf(program).map((c) => `    '${c.name()}:${c.summary().replaceAll("'", '')}'`).join('\n')}
    'help:explain a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commandsOf(program).map((c) => `    ${c.name()}) _arguments ${[...c.options.map(spec), "'--help[explain this command]'", c.name() === 'completion' ? `'1:shell:(${shells.join(' ')})'` : c.name() === 'demo' ? '' : "'*:spec:_files'"].filter((s) => s !== '').join(' ')} ;;`).join('\n')}
    help) _describe command commands ;;
  esac
}
if [ "$funcstack[1]" = _longshore ]; then _longshore "$@"; else compdef _longshore longshore; fi
`
}

function fish(program: Command): string {
  const names = commandsOf(program).map((c) => c.name())
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = [
    '# longshore completion fish',
    'complete -c longshore -f',
    ...commandsOf(program).map((c) => `complete -c longshore -n __fish_use_subcommand -a ${c.name()} -d ${quote(c.summary())}`),
    `complete -c longshore -n __fish_use_subcommand -a help -d 'explain a command'`,
    `complete -c longshore -n '__fish_seen_subcommand_from help' -a '${names.join(' ')}'`,
    `complete -c longshore -n '__fish_seen_subcommand_from completion' -a '${shells.join(' ')}'`,
    `complete -c longshore -l help -d 'explain a command'`,
  ]
  for (const command of commandsOf(program)) {
    const when = `-n '__fish_seen_subcommand_from ${command.name()}'`
    if (command.registeredArguments[0]?.name() === 'SPEC') lines.push(`complete -c longshore ${when} -F`)
    for (const option of command.options) {
      const value = !takesValue(option) ? '' : option.argChoices !== undefined ? ` -x -a '${option.argChoices.join(' ')}'` : takesFile(option) ? ' -r -F' : ' -x'
      lines.push(`complete -c longshore ${when} -l ${long(option).slice(2)}${value} -d ${quote(option.description)}`)
    }
  }
  return `${lines.join('\n')}\n`
}
