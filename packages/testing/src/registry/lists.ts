// distribution-spec v1.1.1, "Listing Tags" and "Listing Referrers"; `_catalog` is Docker's and in no OCI specification.
import { descriptorOf, type Descriptor, MediaType } from '@longshore/oci'
import { digestFrom } from './blobs.ts'
import { answer, answerJson, type Exchange, Refusal } from './exchange.ts'
import type { RegistryState } from './registry-state.ts'

export async function answerTags(state: RegistryState, exchange: Exchange, repository: string): Promise<void> {
  const stored = state.store.repositories.get(repository)
  if (!stored || stored.manifests.size === 0) throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry', { name: repository })
  const { page, link } = pageOf(state, exchange, [...stored.tags.keys()], `/v2/${repository}/tags/list`)
  await answerJson(exchange, 200, { name: repository, tags: page }, link)
}

export async function answerCatalog(state: RegistryState, exchange: Exchange): Promise<void> {
  const names = [...state.store.repositories.values()].filter((r) => r.blobs.size + r.manifests.size > 0).map((r) => r.name)
  const { page, link } = pageOf(state, exchange, names, '/v2/_catalog')
  await answerJson(exchange, 200, { repositories: page }, link)
}

/** `n` and `last`; RFC 8288 `Link` to the next page, which is relative, as docker-registry's is. */
function pageOf(state: RegistryState, exchange: Exchange, names: readonly string[], path: string): {
  page: readonly string[]; link: Readonly<Record<string, string>>
} {
  const { searchParams } = exchange.url
  const wanted = searchParams.get('n')
  if (wanted !== null && !/^\d+$/.test(wanted)) throw new Refusal(400, 'UNSUPPORTED', 'n is not a number', { n: wanted })
  const size = Math.min(Number(wanted ?? Infinity), state.options.pageSize ?? 1000)
  const last = searchParams.get('last')
  const rest = names.toSorted().filter((name) => last === null || name > last)
  const page = rest.slice(0, size)
  const end = page.at(-1)
  if (end === undefined || rest.length <= page.length) return { page, link: {} }
  return { page, link: { link: `<${path}?n=${size}&last=${encodeURIComponent(end)}>; rel="next"` } }
}

export async function answerReferrers(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  if (state.options.referrersApi === false) {
    await answer(exchange, 404, { 'content-type': 'text/plain; charset=utf-8' }, [Buffer.from('404 page not found\n')])
    return
  }
  const subject = digestFrom(reference)
  const wanted = exchange.url.searchParams.get('artifactType')
  const manifests: Descriptor[] = []
  for (const manifest of state.store.repositories.get(repository)?.manifests.values() ?? []) {
    if (manifest.subject?.digest !== subject) continue
    const artifactType = manifest.artifactType ?? (manifest.kind === 'image' ? manifest.config?.mediaType : undefined)
    if (wanted !== null && artifactType !== wanted) continue
    const { annotations } = manifest
    manifests.push({ ...descriptorOf(manifest), ...(artifactType === undefined ? {} : { artifactType }), ...(annotations ? { annotations } : {}) })
  }
  await answerJson(exchange, 200, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }, {
    'content-type': MediaType.ociIndex, ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }),
  })
}
