import type { StoredBlob } from './store.ts'

export type Slice =
  | { readonly kind: 'whole'; readonly size: number; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'part'; readonly size: number; readonly chunks: readonly Uint8Array[]; readonly contentRange: string }
  | { readonly kind: 'unsatisfiable' }

/** What a Range header asks of a blob. RFC 9110, section 14; one range only, others are served whole as it allows. */
export function sliceOf(header: string | undefined, blob: StoredBlob): Slice {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (!match || (first === '' && last === '')) return { kind: 'whole', size: blob.size, chunks: blob.chunks }
  const start = first === '' ? Math.max(0, blob.size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? blob.size : Math.min(blob.size, Number(last) + 1)
  if (start >= end) return { kind: 'unsatisfiable' }
  const chunks: Uint8Array[] = []
  let at = 0
  for (const chunk of blob.chunks) {
    const from = Math.max(start - at, 0)
    const to = Math.min(end - at, chunk.byteLength)
    if (from < to) chunks.push(chunk.subarray(from, to))
    at += chunk.byteLength
  }
  return { kind: 'part', size: end - start, chunks, contentRange: `bytes ${start}-${end - 1}/${blob.size}` }
}
