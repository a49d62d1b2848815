// Small graphs, for the tests of the ledgers.
import { decodeManifest, type Descriptor, type Digest, digestOf, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import {
  blobKey, type BlobNode, type CopyOptions, type Location, manifestKey, type ManifestNode, type NodeKey, type PlanNode, referrersKey, type ReferrersNode, type Registered, tagKey,
  type TagNode, type Wanted,
} from '@longshore/transfer'

export const options: CopyOptions = { platforms: [], platformPolicy: 'sparse', referrers: true, foreignLayers: 'keep' }
export const boom = { name: 'Error', code: 'BOOM', message: 'boom' }

export function desc(name: string, size = 10): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf(Buffer.from(name)), size }
}
export function at(repository: string, registry = 'dst.test'): Location { return { registry, repository: repository as RepositoryName } }
const keysOf = (needs: ReadonlyArray<{ readonly key: NodeKey }>): readonly NodeKey[] => needs.map(({ key }) => key)

export function blob(repository: string, name: string, { from = [repository], size = 10 }: { from?: readonly string[]; size?: number } = {}): BlobNode {
  return { kind: 'blob', key: blobKey(at(repository), desc(name, size)), ...at(repository), desc: desc(name, size), from: from.map((one) => at(one, 'src.test:5000')), mayExist: false }
}
/** Its content follows from its name alone. */
export function manifest(repository: string, name: string, needs: readonly PlanNode[] = []): ManifestNode {
  const decoded = contentOf(name)
  return { kind: 'manifest', key: manifestKey(at(repository), decoded.digest), ...at(repository), manifest: decoded, from: at(repository, 'src.test:5000'), needs: keysOf(needs), options }
}
export function tag(repository: string, name: string, needs: readonly PlanNode[] = [], seen: TagNode['seen'] = { digest: undefined, atMs: 0 }): TagNode {
  return {
    kind: 'tag', key: tagKey(at(repository), name as Tag), ...at(repository), tag: name as Tag, manifest: contentOf(`tag ${name}`), from: at(repository, 'src.test:5000'),
    needs: keysOf(needs), options, seen,
  }
}
export function referrers(repository: string, subject: Digest, needs: readonly PlanNode[] = []): ReferrersNode {
  const name = subject.replace(':', '-') as Tag
  return { kind: 'referrers', key: referrersKey(at(repository), name), ...at(repository), tag: name, subject, descs: [desc('signature')], needs: keysOf(needs) }
}
export function wanted(repository: string, name: string): Wanted {
  return { image: { source: { ...at(repository, 'src.test:5000'), reference: name as Tag }, destination: { ...at(repository), reference: name as Tag } }, options }
}

function contentOf(name: string): ManifestNode['manifest'] {
  return decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, config: desc('config'), layers: [], annotations: { name } })), MediaType.ociManifest, name)
}

/** There was room for it. */
export function fits(registered: Registered | 'full'): Registered {
  if (registered === 'full') throw new Error('the manifests of open images take up what they may')
  return registered
}
