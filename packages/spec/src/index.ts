export { type Placed, CollisionError, SelfCopyError } from './collision.ts'
export { NothingMatchedError } from './catalog.ts'
export { createdTime } from './created.ts'
export { maxSpecBytes, type SpecInput } from './decode-text.ts'
export { expand, type ExpandOptions } from './expand.ts'
export { parseImagesList } from './images-list.ts'
export {
  type ContentOptions, defaultContent, type Destination, type Entry, type EntrySource, type Migration, type Moment, type Origin,
  type Pattern, registriesOf, type RenameRule, type Requested, type Selection, type TagRule,
} from './migration.ts'
export { nameReference, nameRepository } from './naming.ts'
export type { ParsedSpec, ParseOptions } from './parse-options.ts'
export { parsePlace, type Place } from './place.ts'
export { formatProblem, formatProblems, type Problem, SpecError } from './spec-error.ts'
export type { DroppedTag, DropRule, SelectContext, TagSelection } from './select-tags.ts'
export { type ExpandEvent, type FailedLocation, OptionsConflictError, RepositoryMissingError } from './unit.ts'
export { detectFormat, parseSpec, parseSpecs, type SpecFormat, type SpecOptions } from './parse-spec.ts'
