import type { ParsedSpec, ParseOptions } from './parse-options.ts'
import type { SpecDocument } from './document.ts'
import { SpecError } from './spec-error.ts'
export function parseDregsy(file: string, _document: SpecDocument, _options: ParseOptions): ParsedSpec { throw new SpecError([{ file, message: 'not yet' }]) }
