// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/registry/referrers.go
import { type Descriptor, isDigest, MediaType } from '@longshore/oci'
import type { Answer, Call } from '../call.ts'
import { badRequest } from '../harbor-error.ts'
import { accessoriesOf } from '../harbor-state.ts'

/** From the database: accessories whose subject it is, whether that is there or not. @throws HarborRefusal 400 */
export function answerReferrers({ state, url }: Call, name: string, subject: string): Answer {
  if (!isDigest(subject)) throw badRequest(`unsupported digest ${subject}: invalid checksum digest format`)
  const wanted = url.searchParams.get('artifactType') ?? ''
  const repository = state.repositories.get(name)
  const accessories = repository ? accessoriesOf(repository, subject) : []
  const manifests = accessories.flatMap(({ digest }): Descriptor[] => {
    const artifact = repository?.artifacts.get(digest)
    if (!artifact || (wanted !== '' && artifact.artifactType !== wanted)) return []
    const { manifestMediaType: mediaType, manifestSize: size, artifactType, annotations } = artifact
    return [{ mediaType, digest, size, ...(annotations ? { annotations } : {}), artifactType }]
  })
  return {
    status: 200,
    body: { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests },
    headers: { 'content-type': MediaType.ociIndex, 'x-total-count': String(accessories.length), ...(wanted === '' ? {} : { 'oci-filters-applied': 'artifactType' }) },
  }
}
