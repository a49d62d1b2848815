import { describeRecord, type ErrorRecord, MigrationError, printable, toRecord } from '@longshore/oci'
import { hintFor } from '@longshore/transfer'
import { InterruptedError } from './interrupt.ts'

/** An error that ends the run, for stderr. Errors that nobody foresaw are shown with their origin. */
export function explainError(error: unknown, debug: boolean): string {
  if (error instanceof InterruptedError) return 'longshore: interrupted\n'
  const record = toRecord(error)
  // Messages over several lines are lists of problems, each line of which is printable already.
  const lines = (error instanceof MigrationError ? error.message : describeRecord(record)).split('\n').map(printable)
  const [first = '', ...rest] = lines
  const cause = record.cause === undefined || !(error instanceof MigrationError) ? [] : [`  because: ${describeRecord(record.cause)}`]
  const hint = hintFor(record)
  const stack = debug || !(error instanceof MigrationError) ? stackOf(error) : []
  const help = [...hint === '' ? [] : [`  ${hint}`], ...stack]
  return [rest.length === 0 ? `longshore: ${first}` : `longshore: nothing was moved:\n  ${first}`, ...rest.map((line) => `  ${line}`), ...cause, ...help, ''].join('\n')
}

/** Every error of a chain with its name and code, the outermost first. */
export function traceError(record: ErrorRecord): readonly string[] {
  const { name, code, message, status, cause } = record
  const line = printable(`${name} ${code}${status === undefined ? '' : ` ${status}`}: ${message}`)
  return cause === undefined ? [line] : [line, ...traceError(cause).map((inner) => `  because ${inner.trimStart().replace(/^because /, '')}`)]
}

function stackOf(error: unknown): readonly string[] {
  if (!(error instanceof Error) || error.stack === undefined) return []
  const at = error.stack.split('\n').filter((line) => line.trimStart().startsWith('at ')).map(printable)
  return error.cause === undefined ? at : [...at, `caused by ${printable(error.cause instanceof Error ? error.cause.message : 'something that is no error')}`, ...stackOf(error.cause)]
}
