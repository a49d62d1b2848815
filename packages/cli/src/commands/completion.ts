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
/** Commands and what is below them. */
function allOf(program: Command): readonly Command[] { return commandsOf(program).flatMap((command) => [command, ...command.commands]) }
/** As it is typed: `cutover freeze`. */
function pathOf(program: Command, command: Command): string { return command.parent === program || !command.parent ? command.name() : `${command.parent.name()} ${command.name()}` }
function withCommands(program: Command): readonly Command[] { return commandsOf(program).filter(({ commands }) => commands.length > 0) }
function namesOf(command: Command): string { return command.commands.map((one) => one.name()).join(' ') }

function long(option: Option): string { return option.long ?? option.short ?? '' }
function takesValue(option: Option): boolean { return option.required }
/** Takes its value only behind `=`. */
function isBoolean(option: Option): boolean { return option.flags.endsWith(' [BOOL]') }
function takesSpecs(command: Command): boolean { return command.registeredArguments[0]?.name() === 'SPEC' }
function takesFile(option: Option): boolean { return takesValue(option) && /file|report|failed|dir|output|state/i.test(long(option)) }

function wordsOf(command: Command): readonly string[] {
  if (command.name() === 'completion') return [...shells, '--help']
  return [...command.options.map(long), '--help']
}

/** The words that a flag takes, if it takes words. */
function valuesOf(option: Option): readonly string[] {
  return option.argChoices ?? (isBoolean(option) ? ['true', 'false'] : [])
}

function bash(program: Command): string {
  const names = commandsOf(program).map((c) => c.name())
  const options = allOf(program).flatMap((c) => c.options)
  const flags = (of: (option: Option) => boolean): string => [...new Set(options.filter(of).map(long))].join('|')
  const choices = new Map(options.filter((o) => o.argChoices !== undefined).map((o) => [long(o), valuesOf(o)]))
  return `# longshore completion bash
_longshore() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} joined= words= below= line
  COMPREPLY=()
  # The sign is a word of its own where readline breaks at it, and else a part of this one.
  if [ "$cur" = = ]; then joined==; cur=
  elif [ "$prev" = = ]; then joined==; prev=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $cur == --*=* ]]; then joined=\${cur%%=*}=; prev=\${cur%%=*}; cur=\${cur#*=}
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...names, 'help', '--help', '--version'].join(' ')}" -- "$cur"))
    return
  fi
  case $command in
${withCommands(program).map((c) => `    ${c.name()}) below="${namesOf(c)}" ;;`).join('\n')}
  esac
  if [ "$COMP_CWORD" -gt 2 ]; then
    # In front of a spec there may be a command of the command.
    case " $below " in *" \${COMP_WORDS[2]} "*) command="$command \${COMP_WORDS[2]}" ;; esac
    below=
  fi
  local kind=spec
  case $prev in
${[...choices].map(([flag, words]) => `    ${flag}) kind=words words="${words.join(' ')}" ;;`).join('\n')}
    ${flags(isBoolean)}) [ -z "$joined" ] || kind=words words="true false" ;;
    ${flags(takesFile)}) kind=file ;;
    ${flags((o) => takesValue(o) && !takesFile(o) && o.argChoices === undefined)}) return ;;
  esac
  if [ $kind = spec ]; then
    case $command in
${allOf(program).map((c) => `      "${pathOf(program, c)}") words="${wordsOf(c).join(' ')}"${takesSpecs(c) ? '' : ' kind=words'} ;;`).join('\n')}
      help) words="${names.join(' ')}" kind=words ;;
    esac
    [ "\${cur#-}" = "$cur" ] || kind=words
  fi
  if [ $kind = words ]; then
    [[ $joined == --* ]] || joined=
    COMPREPLY=($(compgen -P "$joined" -W "$words" -- "$cur"))
  else
    compopt -o filenames 2>/dev/null
    [ $kind = file ] || COMPREPLY=($(compgen -W "$below" -- "$cur"))
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
  fi
}
complete -F _longshore longshore
`
}

function zsh(program: Command): string {
  const spec = (option: Option): string => {
    const text = option.description.replace(/[[\]]/g, '').replaceAll("'", '').replaceAll(':', ' -')
    if (isBoolean(option)) return `'*${long(option)}=-[${text}]::value:(true false)'`
    const value = !takesValue(option) ? ''
      : option.argChoices !== undefined ? `:value:(${option.argChoices.join(' ')})` : takesFile(option) ? ':file:_files' : ':value:'
    return `'*${long(option)}${takesValue(option) ? '=' : ''}[${text}]${value}'`
  }
  const described = (c: Command): string => `'${c.name()}:${c.summary().replaceAll("'", '')}'`
  const rules = (c: Command): string => `_arguments ${[...c.options.map(spec), "'--help[explain this command]'", c.name() === 'completion' ? `'1:shell:(${shells.join(' ')})'` : takesSpecs(c) ? "'*:spec:_files'" : ''].filter((s) => s !== '').join(' ')}`
  const entry = (c: Command): string => (c.commands.length === 0 ? `    ${c.name()}) ${rules(c)} ;;` : `    ${c.name()})
      commands=(${c.commands.map(described).join(' ')})
      if (( CURRENT == 2 )); then
        _describe command commands
      else
        command=$words[2]
      fi
      case $command in
${c.commands.map((below) => `        ${below.name()}) shift words; (( CURRENT-- )); ${rules(below)} ;;`).join('\n')}
        *) ${rules(c)} ;;
      esac
      ;;`)
  return `#compdef longshore
# longshore completion zsh
_longshore() {
  local -a commands
  commands=(
${commandsOf(program).map((c) => `    ${described(c)}`).join('\n')}
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
${commandsOf(program).map(entry).join('\n')}
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
    '# Whether this command is being typed: a command and one below it may have names that others have, too.',
    'function __longshore_at',
    '  set -l words (commandline -opc)',
    '  set -l path "$words[2]"',
    `  contains -- "$words[2] $words[3]" ${allOf(program).filter((c) => c.parent !== program).map((c) => quote(pathOf(program, c))).join(' ')}; and set path "$words[2] $words[3]"`,
    '  test "$path" = "$argv[1]"',
    'end',
    'complete -c longshore -f',
    ...commandsOf(program).map((c) => `complete -c longshore -n __fish_use_subcommand -a ${c.name()} -d ${quote(c.summary())}`),
    `complete -c longshore -n __fish_use_subcommand -a help -d 'explain a command'`,
    `complete -c longshore -n '__fish_seen_subcommand_from help' -a '${names.join(' ')}'`,
    `complete -c longshore -n '__fish_seen_subcommand_from completion' -a '${shells.join(' ')}'`,
    `complete -c longshore -l help -d 'explain a command'`,
  ]
  for (const command of withCommands(program)) {
    for (const below of command.commands) lines.push(`complete -c longshore -n '__longshore_at ${command.name()}; and test (count (commandline -opc)) -eq 2' -a ${below.name()} -d ${quote(below.summary())}`)
  }
  for (const command of allOf(program)) {
    const at = `__longshore_at "${pathOf(program, command)}"`
    const when = `-n '${at}'`
    // Behind the sign of a flag there are no specs.
    if (takesSpecs(command)) lines.push(`complete -c longshore -n '${at}; and not string match -q -- "-*" (commandline -ct)' -F`)
    for (const option of command.options) {
      const values = valuesOf(option)
      const kind = takesFile(option) ? ' -r -F' : takesValue(option) ? ' -x' : ''
      // Apart from the description, which fish would put beside every value.
      if (values.length > 0) lines.push(`complete -c longshore ${when} -l ${long(option).slice(2)}${isBoolean(option) ? ' -f' : kind} -a '${values.join(' ')}'`)
      lines.push(`complete -c longshore ${when} -l ${long(option).slice(2)}${kind} -d ${quote(option.description)}`)
    }
  }
  return `${lines.join('\n')}\n`
}
