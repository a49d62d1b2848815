export { type BlobHost, startBlobHost } from './registry/blob-host.ts'
export { type EmbeddedRegistry, type RequestHook, startEmbeddedRegistry } from './registry/embedded-registry.ts'
export type { Fault, FaultRule } from './registry/fault.ts'
export type { EmbeddedRegistryOptions, RegistryAuth, RegistryUser } from './registry/options.ts'
export type { LoggedRequest, RequestFilter, RequestKind } from './registry/request.ts'
export { blobOf, bytesOf, layer, type SyntheticBlob } from './content/blob.ts'
export { type Corpus, type CorpusEntry, kubesphereCorpus, measure } from './content/corpus.ts'
export {
  artifact, type ArtifactOptions, cosignSignature, image, type ImageFormat, type ImageOptions, index, type IndexOptions, referrersFallback,
  type SyntheticContent, type SyntheticManifest,
} from './content/image.ts'
export { kubesphereListPath, kubesphereNames } from './content/kubesphere-names.ts'
export { Random } from './content/random.ts'
export { schema1Image } from './content/schema1.ts'
export { type PlainAnswer, PlainClient, type PlainClientOptions, type PlainRequest } from './http.ts'
export { seed, type SeedOptions } from './seed.ts'
