export type { BlobTally, ImageOutcome, InFlight, TransferEvent } from './event.ts'
export { formatEnd, type Image, type ImageId, imageId, type Location, tagOf } from './image.ts'
export { type Content, type Io, type Opener, type PushOptions, type PushOutcome, type Source, type Target, wrapContent } from './transport.ts'
