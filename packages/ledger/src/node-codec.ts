// Nodes as Redis keeps them. What the key says is not said again; the bytes of a manifest are UTF-8 (nothing else is decoded as
// one), and stand as they are behind the rest: in Base64 they would be a third larger, as a field of their own one command more.
import { decodeManifest, type Descriptor, type Digest, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import type { CopyOptions, Location, NodeKey, PlanNode } from '@longshore/transfer'

export interface EncodedNode {
  readonly key: NodeKey
  /** Where a blob can be read, a line each. The scripts add to it. */
  readonly links: string
  /** Of all but blobs: needs, a line each, and an empty line. Then what only a worker understands. */
  readonly body: string
}

/** What the ledger answers of a node. */
export interface StoredNode extends EncodedNode {
  /** How long ago it was registered. */
  readonly ageMs: number
}

interface BlobBody { readonly type: string; readonly mayExist?: true; readonly more?: Partial<Descriptor> }
interface ManifestBody {
  readonly kind: 'manifest' | 'tag'
  readonly type: string
  /** Where the digest is not a sha256. */
  readonly digest?: Digest
  readonly from: string
  readonly options: CopyOptions
  readonly seen?: { readonly digest?: Digest; readonly ageMs: number }
}
interface ReferrersBody {
  readonly kind: 'referrers'
  readonly subject: Digest
  readonly descs: readonly Descriptor[]
  /** Of the list that stands behind it. */
  readonly type?: string
}

/** @param nowMs monotonic, as `TagNode.seen`: only how old that is means anything to another process */
export function encodeNode(node: PlanNode, nowMs: number): EncodedNode {
  if (node.kind === 'blob') {
    const { mediaType: type, digest: _, size: __, ...more } = node.desc
    const body: BlobBody = { type, ...(node.mayExist ? { mayExist: true } : {}), ...(Object.keys(more).length === 0 ? {} : { more }) }
    return { key: node.key, links: node.from.map(formatLocation).join('\n'), body: JSON.stringify(body) }
  }
  const head = `${[...new Set(node.needs)].join('\n')}\n\n`
  if (node.kind === 'referrers') {
    const { subject, descs, list } = node
    const body: ReferrersBody = { kind: 'referrers', subject, descs, ...(list ? { type: list.mediaType } : {}) }
    return { key: node.key, links: '', body: `${head}${JSON.stringify(body)}${list ? `\n${Buffer.from(list.bytes).toString('utf8')}` : ''}` }
  }
  const { manifest } = node
  const body: ManifestBody = {
    kind: node.kind, type: manifest.mediaType, from: formatLocation(node.from), options: node.options,
    ...(manifest.digest.startsWith('sha256:') ? {} : { digest: manifest.digest }),
    ...(node.kind === 'tag' ? { seen: { ...(node.seen.digest === undefined ? {} : { digest: node.seen.digest }), ageMs: Math.round(nowMs - node.seen.atMs) } } : {}),
  }
  return { key: node.key, links: '', body: `${head}${JSON.stringify(body)}\n${Buffer.from(manifest.bytes).toString('utf8')}` }
}

export function decodeNode({ key, links, body, ageMs }: StoredNode, nowMs: number): PlanNode {
  const { registry, repository, rest } = partsOf(key)
  if (key.startsWith('blob ')) {
    const { type, mayExist = false, more = {} } = JSON.parse(body) as BlobBody
    const [digest = '', size = ''] = rest.split('+')
    const desc: Descriptor = { mediaType: type, digest: digest as Digest, size: Number(size), ...more }
    return { kind: 'blob', key, registry, repository, desc, from: links.split('\n').map(parseLocation), mayExist }
  }
  const headEnds = body.indexOf('\n\n')
  const needs = body.slice(0, headEnds).split('\n').filter((need) => need !== '') as NodeKey[]
  const jsonEnds = body.indexOf('\n', headEnds + 2)
  const stored = JSON.parse(body.slice(headEnds + 2, jsonEnds < 0 ? undefined : jsonEnds)) as ManifestBody | ReferrersBody
  const base = { key, registry, repository, needs }
  if (stored.kind === 'referrers') {
    const { subject, descs, type } = stored
    const list = type === undefined ? undefined : decodeManifest(Buffer.from(body.slice(jsonEnds + 1)), type, key)
    return { kind: 'referrers', ...base, tag: rest as Tag, subject, descs, ...(list?.kind === 'index' ? { list } : {}) }
  }
  const manifest: Manifest = decodeManifest(Buffer.from(body.slice(jsonEnds + 1)), stored.type, key, stored.digest)
  const common = { ...base, manifest, from: parseLocation(stored.from), options: stored.options }
  if (stored.kind === 'manifest') return { kind: 'manifest', ...common }
  return { kind: 'tag', ...common, tag: rest as Tag, seen: { digest: stored.seen?.digest, atMs: nowMs - (stored.seen?.ageMs ?? 0) - ageMs } }
}

/** `kind host/repository@digest`, `kind host/repository:tag`. */
function partsOf(key: NodeKey): Location & { readonly rest: string } {
  const place = key.slice(key.indexOf(' ') + 1)
  const end = key.startsWith('tag ') || key.startsWith('referrers ') ? place.lastIndexOf(':') : place.lastIndexOf('@')
  return { ...parseLocation(place.slice(0, end)), rest: place.slice(end + 1) }
}

function formatLocation({ registry, repository }: Location): string { return `${registry}/${repository}` }
function parseLocation(text: string): Location {
  const slash = text.indexOf('/')
  return { registry: text.slice(0, slash), repository: text.slice(slash + 1) as RepositoryName }
}
