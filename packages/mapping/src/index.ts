export { createMapping, type Mapping, type MappingFormat, mappingFormats, type MappingOptions } from './mapping.ts'
export type { Exception, MappedImage } from './mapped-image.ts'
