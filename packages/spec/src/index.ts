export { maxSpecBytes, type SpecInput } from './decode-text.ts'
export { parseImagesList } from './images-list.ts'
export {
  type ContentOptions, defaultContent, type Destination, type Entry, type EntrySource, type Migration, type Moment, type Origin,
  type Pattern, type RenameRule, type Requested, type Selection, type TagRule,
} from './migration.ts'
export { nameReference, nameRepository } from './naming.ts'
export type { ParsedSpec, ParseOptions } from './parse-options.ts'
export { parsePlace, type Place } from './place.ts'
export { formatProblem, formatProblems, type Problem, SpecError } from './spec-error.ts'
