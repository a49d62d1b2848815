// From a manifest to the nodes under it. A manifest that the destination has is taken with all that is under it
// (evidence, not proof: MANIFEST_BLOB_UNKNOWN later brings it back here with `distrust`).
import {
  attestedDigest, type Descriptor, type Digest, type ImageIndex, InvalidManifestError, isForeign, joinReference, type Manifest, SizeMismatchError, successors,
} from '@longshore/oci'
import { atSide } from './at-side.ts'
import type { CopyOptions, Transports } from './context.ts'
import { ImageNotFoundError, PlatformNotFoundError } from './errors.ts'
import type { Graph, Route } from './graph.ts'
import type { ManifestCache } from './manifest-cache.ts'
import type { NodeKey } from './node.ts'
import { chooseChildren, stripIndex } from './platforms.ts'
import type { Io } from './transport.ts'

/** Deeper than any real index of indexes; a chain this long is an attack. */
const maxDepth = 16

export interface CollectContext extends Io {
  readonly transports: Transports
  readonly manifests: ManifestCache
  readonly graph: Graph
  readonly route: Route
  readonly options: CopyOptions
  /** The destination repository had content before this run: ask before reading what may be there. */
  readonly mayExist: boolean
  /** Take nothing as present. */
  readonly distrust: boolean
}

export interface Collected {
  readonly needs: readonly NodeKey[]
  /** The manifest to put: another one than was read only under the platform policy `strip`. */
  readonly manifest: Manifest
  /** Digests of the manifests met below, for their referrers. */
  readonly below: readonly Digest[]
}

/** @throws CopyError, InvalidManifestError for a cycle or a bottomless index */
export async function collect(manifest: Manifest, context: CollectContext, ancestors: readonly Digest[] = [manifest.digest]): Promise<Collected> {
  const { graph, route, options } = context
  const { blobs } = successors(manifest)
  const mayExist = context.mayExist || context.distrust
  const needs: NodeKey[] = []
  for (const desc of blobs) {
    if (isForeign(desc) && options.foreignLayers === 'keep') continue
    needs.push(graph.addBlob(route, desc, mayExist))
  }
  if (manifest.kind !== 'index' || options.indexOnly === true) return { needs, manifest, below: [] }
  return await collectChildren(manifest, context, ancestors, needs)
}

async function collectChildren(index: ImageIndex, context: CollectContext, ancestors: readonly Digest[], needs: NodeKey[]): Promise<Collected> {
  const { graph, route, options } = context
  const what = joinReference(`${route.from.registry}/${route.from.repository}`, index.digest)
  if (ancestors.length > maxDepth) throw new InvalidManifestError(what, `lies more than ${maxDepth} indexes deep`)
  const chosen = chooseChildren(index, options.platforms)
  if (chosen.length === 0 && index.manifests.length > 0 && ancestors.length === 1) {
    throw new PlatformNotFoundError(what, options.platforms, index.manifests.flatMap((child) => (child.platform && attestedDigest(child) === undefined ? [child.platform] : [])))
  }
  const listed = new Set(successors(index).manifests.map((child) => child.digest))
  const children = chosen.filter((child) => listed.delete(child.digest))
  const below: Digest[] = []
  const rewritten = new Map<string, Descriptor>()
  const collected = await Promise.all(children.map(async (child) => {
    if (ancestors.includes(child.digest)) throw new InvalidManifestError(what, `contains itself, through ${child.digest}`)
    return { child, found: await collectChild(child, context, ancestors) }
  }))
  for (const { child, found } of collected) {
    below.push(child.digest, ...found?.below ?? [])
    if (!found) continue
    if (found.manifest.digest !== child.digest) rewritten.set(child.digest, { ...child, digest: found.manifest.digest, size: found.manifest.bytes.byteLength })
    needs.push(graph.addManifest(route, found.manifest, found.needs, options))
  }
  const cut = chosen.length < index.manifests.length || rewritten.size > 0
  return { needs, below, manifest: options.platformPolicy === 'strip' && cut ? stripIndex(index, chosen, rewritten, what) : index }
}

/** `undefined` when the destination has the child, and with it all that is under it. */
async function collectChild(child: Descriptor, context: CollectContext, ancestors: readonly Digest[]): Promise<Collected | undefined> {
  const { route: { from, to }, signal, transports } = context
  if (context.mayExist && !context.distrust) {
    const there = await atSide('destination', 'exists', child, signal, transports.target(to.registry).resolve(to.repository, child.digest, { signal }))
    if (there) return undefined
  }
  const source = transports.source(from.registry)
  const manifest = await atSide('source', 'fetch', child, signal, context.manifests.get(source, from.repository, child, { signal }))
  const what = joinReference(`${from.registry}/${from.repository}`, child.digest)
  if (!manifest) throw new ImageNotFoundError(what, 'source')
  if (manifest.bytes.byteLength !== child.size && manifest.kind !== 'schema1') {
    throw new SizeMismatchError(what, child.size, manifest.bytes.byteLength)
  }
  return await collect(manifest, context, [...ancestors, child.digest])
}
