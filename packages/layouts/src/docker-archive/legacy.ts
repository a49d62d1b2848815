// What Docker before 1.10 reads: a folder for each layer, each naming its parent. Written as containers/image does
// (docker/internal/tarfile/writer.go), so that the same image has the same IDs.
import { type Digest, digestOf, hexOf } from '@longshore/oci'
import { isObject, parseJson } from '../json.ts'

export interface LegacyLayer { readonly id: string; readonly json: Buffer; readonly diffId: Digest }

const ofTopLayer = ['architecture', 'config', 'container', 'container_config', 'created', 'docker_version', 'os'] as const

/** From the lowest on; the last one's ID stands for the image. */
export function legacyLayers(config: Uint8Array, diffIds: readonly Digest[], what: string): readonly LegacyLayer[] {
  const parsed = parseJson(config, what)
  const image = isObject(parsed) ? parsed : {}
  let parent: string | undefined
  let chain: Digest | undefined
  return diffIds.map((diffId, at) => {
    const fields: Record<string, unknown> = parent === undefined ? {} : { parent }
    if (at === diffIds.length - 1) for (const name of ofTopLayer) fields[name] = image[name] ?? null
    chain = chain === undefined ? diffId : digestOf(Buffer.from(`${chain} ${diffId}`))
    const id: string = hexOf(digestOf(goJson({ ...fields, layer_id: chain })))
    parent = id
    return { id, json: goJson({ ...fields, id }), diffId }
  })
}

/** As Go prints a map: its keys sorted, `<`, `>` and `&` escaped. */
export function goJson(fields: Readonly<Record<string, unknown>>): Buffer {
  const sorted = Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
  return Buffer.from(JSON.stringify(sorted).replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
