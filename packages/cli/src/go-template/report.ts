// --format, as containers/common's report takes it: `\t` and `\n` may be written outside of actions, and a line ends with its end.
import { execute } from './execute.ts'
import { parse } from './parse.ts'
import { TemplateError } from './template-error.ts'
import type { GoValue } from './value.ts'

/** @param name stands in errors. @throws TemplateError when the template cannot be read; what it gives throws one when it cannot be carried out */
export function compileReport(format: string, name: string): (data: GoValue) => string {
  if (format.startsWith('table ')) throw new TemplateError(`template: ${name}:1:1: table is not supported: one image is no table`)
  const template = format.replace(/\{\{[^]*?\}\}|\\t|\\n/g, (found) => (found === '\\t' ? '\t' : found === '\\n' ? '\n' : found))
  const whole = template.endsWith('\n') ? template : `${template}\n`
  const nodes = parse(name, whole)
  return (data) => execute(name, whole, nodes, data)
}
