import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeManifest, digestOf, MediaType, parseRepositoryName, type RepositoryName, type Tag } from '@longshore/oci'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLayout } from './index.ts'

const { signal } = new AbortController()
let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-types-')) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const nameless = (mediaType: string) => decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] })), mediaType, 'a test manifest')

test.each<readonly [string, string, RepositoryName, string]>([
  ['registry-storage', 'a tag', parseRepositoryName('app'), 'v1'],
  ['dir', 'the image', '' as RepositoryName, ''],
  ['oci', 'a digest', '' as RepositoryName, nameless(MediaType.dockerList).digest],
])('%s: %s whose bytes do not say what they are is refused where it would come back as something else', async (transport, _, repository, reference) => {
  await using layout = openLayout(`${transport}:${join(folder, transport)}`)
  const put = (mediaType: string) => layout.put(repository, nameless(mediaType), reference as Tag, { signal })
  await expect(put(MediaType.dockerList)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED', message: expect.stringContaining(`says that it is a ${MediaType.dockerList}, and it would be read as a ${MediaType.ociIndex}`) })
  await expect(put(MediaType.ociIndex)).resolves.toBeDefined()
})

test('oci: a name keeps the type', async () => {
  const place = `oci:${join(folder, 'named')}`
  const manifest = nameless(MediaType.dockerList)
  await using layout = openLayout(place)
  await layout.put('' as RepositoryName, manifest, 'v1' as Tag, { signal })
  await layout.finish()
  await using source = openLayout(place, { readOnly: true })
  expect(await source.resolve('' as RepositoryName, 'v1' as Tag, { signal })).toEqual({ mediaType: MediaType.dockerList, digest: digestOf(manifest.bytes), size: manifest.bytes.byteLength })
})
