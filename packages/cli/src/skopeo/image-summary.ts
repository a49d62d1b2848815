// What `inspect` prints of an image: skopeo's Output struct.
import type { ImageManifest, Schema1Manifest } from '@longshore/oci'
import { GoDigest, GoList, GoMap, GoNil, GoStruct, GoTime, strings } from '../go-template/value.ts'
import { type Json, objectAt, parseJsonObject, stringsAt, textAt, textsAt, timeAt } from './image-config.ts'

export interface Summary {
  /** `host/repository`; '' for what is no registry's. */
  readonly name: string
  /** Of what was fetched first, the list where there is one. */
  readonly digest: string
  readonly tags: readonly string[] | undefined
  readonly image: ImageManifest | Schema1Manifest
  /** The configuration, or for schema 1 what stands in the first entry of its history. */
  readonly config: Json
}

/** @throws SkopeoError */
export function schema1Config({ bytes }: Schema1Manifest): Json {
  const [first] = parseJsonObject(bytes, 'the manifest')['history'] as ReadonlyArray<{ readonly v1Compatibility?: string } | undefined>
  return parseJsonObject(Buffer.from(first?.v1Compatibility ?? ''), 'v1Compatibility of the manifest')
}

/** @throws SkopeoError when the configuration holds something else than its fields should */
export function summarize({ name, digest, tags, image, config }: Summary): GoStruct {
  const inner = objectAt(config, 'config') ?? {}
  // Schema 1 lists the uppermost layer first.
  const layers = image.kind === 'schema1' ? image.layers.toReversed() : image.layers
  const said = timeAt(config, 'created')
  // In Docker's struct the time is no pointer: where none is written it is Go's first.
  const isDockers = image.mediaType.startsWith('application/vnd.docker.')
  const created = isDockers && said instanceof GoNil ? GoTime.parse('0001-01-01T00:00:00Z') ?? said : said
  return new GoStruct('inspect.Output', [
    { name: 'Name', json: 'Name', omitEmpty: true, value: name },
    { name: 'Tag', json: 'Tag', omitEmpty: true, value: '' },
    { name: 'Digest', json: 'Digest', value: new GoDigest(digest) },
    { name: 'RepoTags', json: 'RepoTags', value: strings(tags) },
    { name: 'Created', json: 'Created', value: created },
    { name: 'DockerVersion', json: 'DockerVersion', value: textAt(config, 'docker_version') },
    { name: 'Labels', json: 'Labels', value: new GoMap('map[string]string', textsAt(inner, 'Labels')) },
    { name: 'Architecture', json: 'Architecture', value: textAt(config, 'architecture') },
    { name: 'Os', json: 'Os', value: textAt(config, 'os') },
    { name: 'Layers', json: 'Layers', value: strings(layers.map((layer) => layer.digest)) },
    { name: 'LayersData', json: 'LayersData', value: new GoList('[]types.ImageInspectLayer', layers.map((layer) => new GoStruct('types.ImageInspectLayer', [
      { name: 'MIMEType', json: 'MIMEType', value: image.kind === 'schema1' ? '' : layer.mediaType },
      { name: 'Digest', json: 'Digest', value: new GoDigest(layer.digest) },
      { name: 'Size', json: 'Size', value: layer.size },
      { name: 'Annotations', json: 'Annotations', value: new GoMap('map[string]string', layer.annotations) },
    ]))) },
    { name: 'Env', json: 'Env', value: strings(stringsAt(inner, 'Env')) },
  ])
}
