// Harbor's own registry API, in front of the docker-registry. https://github.com/goharbor/harbor/blob/v2.12.0/src/server/registry/route.go
import type { Call } from '../call.ts'
import { notFound } from '../harbor-error.ts'
import { write } from '../write.ts'
import { finishUpload, getBlob, patchUpload, startUpload } from './blobs.ts'
import { answerCatalog } from './catalog.ts'
import { deleteManifest } from './delete-manifest.ts'
import { getManifest } from './get-manifest.ts'
import { putManifest } from './put-manifest.ts'
import { answerReferrers } from './referrers.ts'
import { relay } from './registry-behind.ts'
import { answerTags } from './tags.ts'

/** @throws HarborRefusal */
export async function serveV2(call: Call): Promise<void> {
  const { kind, repository = '', reference = '' } = call.log
  switch (kind) {
    case 'catalog': return write(call, answerCatalog(call))
    case 'tags': return write(call, answerTags(call, repository))
    case 'referrers': return write(call, answerReferrers(call, repository, reference))
    case 'manifest-get': case 'manifest-head': return getManifest(call, repository, reference)
    case 'manifest-put': return putManifest(call, repository, reference)
    case 'manifest-delete': return deleteManifest(call, repository, reference)
    case 'upload-start': case 'upload-monolithic': case 'mount': return startUpload(call, repository)
    case 'upload-patch': return patchUpload(call, reference)
    case 'upload-put': return finishUpload(call, repository, reference)
    case 'blob-get': case 'blob-head': return getBlob(call)
    case 'ping': case 'upload-status': case 'upload-cancel': case 'blob-delete': case 'unknown': return relay(call, await call.harbor.behind.forward(call))
    case 'api': case 'token': throw notFound('not found')
  }
}
