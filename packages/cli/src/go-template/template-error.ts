import { MigrationError, printable } from '@longshore/oci'

/** A template that cannot be read or carried out, in the words of Go's text/template, with line and column. */
export class TemplateError extends MigrationError {
  override readonly name = 'TemplateError'
  override readonly code = 'TEMPLATE_INVALID'
  constructor(message: string) { super(printable(message)) }
}

/** A place in the template's text, from 1. */
export interface Position { readonly line: number; readonly column: number }

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}
