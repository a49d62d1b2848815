export type { Brand } from './brand.ts'
export { algorithmOf, type Digest, digestOf, hasherFor, hexOf, isDigest, parseDigest } from './digest.ts'
export type { Descriptor, Platform } from './descriptor.ts'
export { dockerName, type Endpoint, localRegistry, namesTransport, parseEndpoint, placeOf, transportNames, type TransportName, transportOf } from './endpoint.ts'
export {
  ConnectionError, CopyError, describeRecord, DigestMismatchError, type ErrorRecord, InvalidManifestError, InvalidReferenceError,
  ManifestTooLargeError, MigrationError, type Operation, RegistryError, type RegistryErrorCode, RegistryErrorCodes,
  type RegistryErrorDetail, type Side, SizeMismatchError, toRecord,
} from './errors.ts'
export {
  decodeManifest, descriptorOf, type ImageIndex, type ImageManifest, isForeign, type Manifest, maxManifestBytes, type Schema1Manifest, successors,
} from './manifest.ts'
export { isForeignLayerType, isIndexType, isManifestType, isSchema1Type, manifestMediaTypes, MediaType } from './media-type.ts'
export { attestedDigest, formatPlatform, matchesPlatform, parsePlatform } from './platform.ts'
export { printable } from './printable.ts'
export {
  formatReference, isRepositoryName, isTag, joinReference, looksLikeRegistry, parseRegistry, parseRepositoryName, parseTag,
  type Reference, type RepositoryName, splitReference, type Tag,
} from './reference.ts'
export { companionSubject, referrersTag } from './referrers.ts'
export { zstdFrames } from './zstd-frames.ts'
