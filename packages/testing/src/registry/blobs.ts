// distribution-spec v1.1.1, "Pulling blobs", "Checking if content exists", "Deleting Blobs".
import { type Digest, isDigest } from '@longshore/oci'
import { answer, type Exchange, Refusal } from './exchange.ts'
import { sliceOf } from './range.ts'
import type { RegistryState } from './registry-state.ts'

export async function answerBlob(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  const digest = digestFrom(reference)
  const { kind } = exchange.log
  if (kind === 'blob-delete') {
    refuseDelete(state)
    if (!state.store.deleteBlob(repository, digest)) throw unknownBlob(digest)
    await answer(exchange, 202, {})
    return
  }
  const blob = state.store.blob(repository, digest)
  if (!blob) throw unknownBlob(digest)
  if (state.options.blobRedirect && kind === 'blob-get') {
    await answer(exchange, 307, { location: state.options.blobRedirect.sign(blob) })
    return
  }
  const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest, 'accept-ranges': 'bytes' }
  if (kind === 'blob-head') {
    await answer(exchange, 200, { ...headers, 'content-length': String(blob.size) })
    return
  }
  const slice = sliceOf(exchange.request.headers.range, blob)
  switch (slice.kind) {
    case 'unsatisfiable':
      throw new Refusal(416, 'SIZE_INVALID', 'the range is outside the blob', undefined, { 'content-range': `bytes */${blob.size}` })
    case 'part':
      await answer(exchange, 206, { ...headers, 'content-range': slice.contentRange }, slice.chunks)
      return
    case 'whole':
      await answer(exchange, 200, headers, slice.chunks)
  }
}

/** @throws Refusal 400 DIGEST_INVALID */
export function digestFrom(text: string): Digest {
  if (!isDigest(text)) throw new Refusal(400, 'DIGEST_INVALID', 'not a digest', { digest: text })
  return text
}

/** @throws Refusal 405 where deletes are off */
export function refuseDelete(state: RegistryState): void {
  if (state.options.deletes === false) throw new Refusal(405, 'UNSUPPORTED', 'this registry deletes nothing')
}

function unknownBlob(digest: Digest): Refusal {
  return new Refusal(404, 'BLOB_UNKNOWN', 'blob unknown to this repository', { digest })
}
