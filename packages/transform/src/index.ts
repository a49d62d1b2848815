export { type Algorithm, type Changes, changesAnything, checkChanges, type Compress, type Format, parseChanges } from './changes.ts'
export { ChangeError } from './errors.ts'
export { type TransformedSource, type TransformOptions, transformSource } from './transform-source.ts'
