// Arguments as Go's pflag reads them, by commander's own definitions. What comes out is one spelling, `--name=value … -- positional …`,
// which commander then parses; what pflag would refuse is refused here, in pflag's words.
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { goQuote } from './go-words.ts'
import { SkopeoError } from './skopeo-error.ts'

/** A flag that takes its value only behind `=`. */
function isBoolean(option: Option): boolean { return !option.required }

/** The name of the command: the first word that is neither a global flag nor the value of one. */
export function findCommand(args: readonly string[], globals: readonly Option[]): { readonly name: string; readonly at: number } | undefined {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') return undefined
    if (!arg.startsWith('-')) return { name: arg, at }
    const option = globals.find(({ long, short }) => arg === long || arg === short)
    if (option && !isBoolean(option)) at++
    else if (!option && !globals.some(({ long }) => arg.startsWith(`${long}=`))) return undefined
  }
  return undefined
}

/**
 * @param args without the command's name
 * @returns what commander takes, or `help` where that was asked for
 * @throws SkopeoError
 */
export function normalizeFlags(args: readonly string[], command: Command): readonly string[] | 'help' {
  const flags: string[] = []
  const positional: string[] = []
  let help = false
  const take = (option: Option, value: string): void => {
    try {
      if (option.parseArg) option.parseArg(value, undefined)
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      const name = option.short === undefined ? option.long ?? '' : `${option.short}, ${option.long}`
      throw new SkopeoError(`invalid argument ${goQuote(value)} for ${goQuote(name)} flag: ${error.message}`)
    }
    flags.push(`${option.long}=${value}`)
  }
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') {
      positional.push(...args.slice(at + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      positional.push(arg)
    } else if (arg.startsWith('--')) {
      const equals = arg.indexOf('=')
      const name = equals < 0 ? arg : arg.slice(0, equals)
      const option = command.options.find(({ long }) => long === name)
      if (name === '--help') help = true
      else if (name === '--' || name.startsWith('---')) throw new SkopeoError(`bad flag syntax: ${arg}`)
      else if (!option) throw new SkopeoError(`unknown flag: ${name}`)
      else if (equals >= 0) take(option, arg.slice(equals + 1))
      else if (isBoolean(option)) take(option, 'true')
      else if (++at < args.length) take(option, args[at] ?? '')
      else throw new SkopeoError(`flag needs an argument: ${name}`)
    } else {
      for (let i = 1; i < arg.length; i++) {
        const letter = arg[i] ?? ''
        const option = command.options.find(({ short }) => short === `-${letter}`)
        const rest = arg.slice(i + 1)
        if (!option && letter === 'h') help = true
        else if (!option) throw new SkopeoError(`unknown shorthand flag: '${letter}' in -${arg.slice(i)}`)
        else if (rest.startsWith('=')) { take(option, rest.slice(1)); break }
        else if (isBoolean(option)) take(option, 'true')
        else if (rest !== '') { take(option, rest); break }
        else if (++at < args.length) { take(option, args[at] ?? ''); break }
        else throw new SkopeoError(`flag needs an argument: '${letter}' in ${arg}`)
      }
    }
  }
  return help ? 'help' : [...flags, '--', ...positional]
}
