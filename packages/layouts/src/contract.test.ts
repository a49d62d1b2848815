// Every folder and every file passes the suites that real registries pass.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeManifest, type Digest, MediaType, successors, type Tag } from '@longshore/oci'
import { bytesOf } from '@longshore/testing'
import { type ContractLimits, describeSource, describeTarget, fill } from '@longshore/testing/contracts'
import { type Layout, openLayout } from './index.ts'

async function folder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-layout-'))
  return { path: join(path, 'place'), [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function closeAll(...places: readonly AsyncDisposable[]): Promise<void> { for (const place of places) await place[Symbol.asyncDispose]() }

const kinds: readonly (readonly [string, ContractLimits, ContractLimits])[] = [
  ['dir', { oneReference: true, noReferrers: true }, {}],
  ['oci', { oneRepository: true }, {}],
  ['oci-archive', { oneRepository: true }, {}],
  ['docker-archive', { oneRepository: true, noReferrers: true, noManifests: true, tarLayers: true, names: { ref: (name) => `docker.io/team/app:${name}` as Tag } }, {}],
  // A source is asked for its referrers; a target leaves them to the fallback tag.
  ['registry-storage', {}, { noReferrers: true }],
]

for (const [transport, limits, ofTarget] of kinds) {
  describeSource(transport, async (images) => {
    const { path, ...place } = await folder()
    const registry = `${transport}:${path}`
    await using target = openLayout(registry)
    for (const { repository, reference, content } of images) await fill(target, repository, content, reference)
    await target.finish()
    const source = openLayout(registry, { readOnly: true })
    return { source, [Symbol.asyncDispose]: () => closeAll(source, place) }
  }, limits)

  describeTarget(transport, async () => {
    const { path, ...place } = await folder()
    const registry = `${transport}:${path}`
    const open = [openLayout(registry)]
    const [target] = open as [Layout]
    const readBack = async () => {
      await target.finish()
      const source = openLayout(registry, { readOnly: true })
      open.push(source)
      return source
    }
    return { target, readBack, [Symbol.asyncDispose]: () => closeAll(...open, place) }
  }, { ...limits, ...ofTarget })
}

// Its layers are files beside each other, and the image is made of them.
describeSource('tarball', async (images) => {
  const { path, ...place } = await folder()
  const paths: string[] = []
  for (const { content } of images) {
    const blobs = successors(decodeManifest(content.root.bytes, content.root.mediaType, 'made up')).blobs.filter(({ mediaType }) => mediaType !== MediaType.ociConfig)
    for (const [at, { digest }] of blobs.entries()) {
      paths.push(`${path}-${at}.tar`)
      await writeFile(paths.at(-1) ?? '', bytesOf(content.blobs.get(digest satisfies Digest)!))
    }
  }
  const source = openLayout(`tarball:${paths.join(':')}`, { readOnly: true })
  return { source, [Symbol.asyncDispose]: () => closeAll(source, place) }
}, { oneRepository: true, oneReference: true, noReferrers: true, noManifests: true, noConfigurations: true, tarLayers: true, names: { ref: () => '@0' as Tag } })
