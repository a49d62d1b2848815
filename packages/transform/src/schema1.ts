// Docker schema 1, as the registries of before 2017 still have it: the configuration lies in the history of the layers, and nothing says what the
// layers hash to without compression. https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/manifest-v2-1.md
import { type Digest, isDigest } from '@longshore/oci'
import { refuse } from './errors.ts'
import { goJson, goObject, goTime, RawJson, rawMembers, sorted } from './go-json.ts'
import { parseObject } from './oci-config.ts'

export interface Schema1Layer {
  readonly digest: Digest
  /** A step that changed no file: its layer is left out. */
  readonly isEmpty: boolean
  readonly v1: Readonly<Record<string, unknown>>
}

export interface Schema1 {
  /** The lowest layer first, as in the later formats. */
  readonly layers: readonly Schema1Layer[]
  /** The topmost step's text: the configuration of the image. */
  readonly config: string
}

/**
 * The layers of a schema 1 manifest, those that stand twice in a row once.
 * @throws ChangeError `CHANGE_REFUSED` when layers and history do not fit together
 */
export function parseSchema1(bytes: Uint8Array, what: string): Schema1 {
  const { fsLayers, history } = parseObject(bytes, what)
  if (!Array.isArray(fsLayers) || !Array.isArray(history) || fsLayers.length !== history.length || fsLayers.length === 0) {
    refuse(what, `has ${Array.isArray(fsLayers) ? fsLayers.length : 'no'} layers and ${Array.isArray(history) ? history.length : 'no'} entries of history: a schema 1 manifest has as many of one as of the other, and at least one`)
  }
  const entries = fsLayers.map((layer: unknown, i): Schema1Layer & { readonly text: string } => {
    const digest = textOf(layer, 'blobSum')
    const text = textOf(history[i], 'v1Compatibility')
    if (digest === undefined || !isDigest(digest) || text === undefined) refuse(what, `layer ${i} has no digest, or no v1Compatibility`)
    const v1 = parseObject(text, `${what}: history[${i}]`)
    return { digest, text, v1, isEmpty: v1['throwaway'] === true }
  })
  // An ID that stands twice in a row is one layer.
  const distinct = entries.filter((entry, i) => i === entries.length - 1 || entry.v1['id'] !== entries[i + 1]?.v1['id'])
  return { layers: distinct.toReversed(), config: distinct[0]?.text ?? '' }
}

/**
 * The schema 2 configuration that containers/image makes of it.
 * @param diffIds of the layers that are not empty, the lowest first
 */
export function schema2ConfigOf({ layers, config }: Schema1, diffIds: readonly Digest[], what: string): Uint8Array {
  const fields = new Map<string, unknown>(rawMembers(config))
  for (const name of ['id', 'parent', 'parent_id', 'layer_id', 'throwaway', 'Size']) fields.delete(name)
  fields.set('rootfs', { type: 'layers', ...(diffIds.length === 0 ? {} : { diff_ids: diffIds }) })
  fields.set('history', new RawJson(`[${layers.map(({ v1, isEmpty }) => goObject(historyOf(v1, isEmpty, what))).join(',')}]`))
  return Buffer.from(goObject(sorted(fields)))
}

function historyOf(v1: Readonly<Record<string, unknown>>, isEmpty: boolean, what: string): [string, unknown][] {
  const created = v1['created'] === undefined || v1['created'] === null ? '0001-01-01T00:00:00Z' : goTime(v1['created']) ?? refuse(what, `created is not a time (${goJson(v1['created']).slice(0, 60)})`)
  const container = v1['container_config']
  const cmd: unknown = typeof container === 'object' && container !== null && 'Cmd' in container ? container.Cmd : undefined
  const createdBy = Array.isArray(cmd) ? cmd.join(' ') : ''
  return [
    ['created', created], ...(['author', 'created_by', 'comment'] as const).map((name): [string, unknown] => [name, name === 'created_by' ? createdBy : v1[name]])
      .filter(([, value]) => typeof value === 'string' && value !== ''),
    ...(isEmpty ? [['empty_layer', true] as [string, unknown]] : []),
  ]
}

function textOf(value: unknown, field: string): string | undefined {
  const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
  return typeof text === 'string' ? text : undefined
}
