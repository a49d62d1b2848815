import { decodeManifest, type Digest, type Manifest, MediaType } from '@longshore/oci'
import { schema1Image } from '@longshore/testing'
import type { PlanNode } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { at, blob, desc, manifest, options, referrers, tag } from './graph.fixture.ts'
import { decodeNode, encodeNode } from './node-codec.ts'

function json(value: object, type: string, expected?: Digest): Manifest { return decodeManifest(Buffer.from(JSON.stringify(value)), type, 'test', expected) }
const needs = [blob('a/b', 'one'), blob('a/b', 'two')]
const of = (content: Manifest): PlanNode => ({ ...manifest('a/b', 'x', needs), manifest: content })
const child = { mediaType: MediaType.ociManifest, digest: desc('child').digest, size: 7, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }

const list = json({ schemaVersion: 2, manifests: [child] }, MediaType.ociIndex)
const listed = list.kind === 'index' ? { ...list, bytes: Buffer.from(list.bytes) } : undefined

const rows: ReadonlyArray<readonly [string, PlanNode]> = [
  ['a blob', blob('a/b', 'one', { from: ['x', 'y/z'] })],
  ['a blob that may exist, with all that a descriptor may say', {
    ...blob('a/b', 'one'), mayExist: true, desc: { ...desc('one'), urls: ['https://x.test/?a=1\n'], annotations: { 'ä': 'ö\n' }, data: 'eA==', artifactType: 't', platform: { os: 'linux', architecture: 'amd64' } },
  }],
  ['a blob of unknown size', blob('a/b', 'one', { size: -1 })],
  ['a manifest', of(json({ schemaVersion: 2, config: desc('config'), layers: [desc('one'), desc('two')], subject: desc('subject'), artifactType: 'x/y', annotations: { a: 'b' } }, MediaType.ociManifest))],
  ['a manifest with sha512', of(json({ schemaVersion: 2, config: desc('config'), layers: [] }, MediaType.ociManifest, `sha512:${'0'.repeat(128)}` as Digest))],
  ['a manifest with umlauts, empty lines and a byte order mark', of(decodeManifest(
    Buffer.from(`\u{feff}{\n\n"schemaVersion": 2, "config": ${JSON.stringify(desc('config'))}, "annotations": {"ä": "€ \u{1f40b}"}\n\n}\n`), MediaType.ociManifest, 'test'))],
  ['an index', of(json({ schemaVersion: 2, manifests: [child] }, MediaType.ociIndex))],
  ['a Docker manifest list', of(json({ schemaVersion: 2, mediaType: MediaType.dockerList, manifests: [child] }, MediaType.dockerList))],
  ['Docker schema 1, signed', of(decodeManifest(schema1Image({ seed: 'x', name: 'a/b', tag: 'v1', layers: [10, 10] }).root.bytes, MediaType.dockerSchema1Signed, 'test'))],
  ['a manifest without needs', manifest('a/b', 'x')],
  ['a tag', tag('a/b', 'v1.2-x', needs, { digest: desc('before').digest, atMs: 1000 })],
  ['a tag that was not there', tag('a/b', 'v1', needs, { digest: undefined, atMs: 1000 })],
  ['a list of referrers', referrers('a/b', desc('subject').digest, needs)],
  ['a list of referrers, as the source has it', { ...referrers('a/b', desc('subject').digest, needs), list: listed } as PlanNode],
  ['a node at a registry with a port', { ...tag('a/b', 'v1', needs, { digest: undefined, atMs: 1000 }), ...at('a/b', 'localhost:5000'), key: 'tag localhost:5000/a/b:v1' as PlanNode['key'] }],
  ['what is asked for in another way', { ...manifest('a/b', 'x', needs), options: { ...options, platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }], platformPolicy: 'strip', foreignLayers: 'copy' } }],
]

test.each(rows)('%s comes out as it went in', (_, node) => {
  const decoded = decodeNode({ ...encodeNode(node, 1000), ageMs: 0 }, 1000)
  expect(decoded).toEqual('manifest' in node ? { ...node, manifest: { ...node.manifest, bytes: Buffer.from(node.manifest.bytes) } } : node)
})

test('what was seen of a tag has the age that it had, whoever asks', () => {
  const node = tag('a/b', 'v1', [], { digest: desc('before').digest, atMs: 1000 })
  const decoded = decodeNode({ ...encodeNode(node, 4000), ageMs: 2500 }, 100)
  expect(decoded.kind === 'tag' && decoded.seen.atMs).toBe(100 - 3000 - 2500)
})
