import { readFileSync } from 'node:fs'

/** Requests by kind, such as `HEAD blob`, and their sum. */
export interface Requests { readonly total: number; readonly kinds: Readonly<Record<string, number>>; readonly bytesSent: number }

// The Apache combined format, as gorilla/handlers writes it.
const line = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d+) (\d+)/

export function countRequests(file: string): Requests {
  const kinds: Record<string, number> = {}
  let total = 0
  let bytesSent = 0
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    const [, method = '', path = '', status = '', bytes = '0'] = line.exec(text) ?? []
    if (method === '') continue
    const kind = `${method} ${kindOf(path, status)}`
    kinds[kind] = (kinds[kind] ?? 0) + 1
    total++
    bytesSent += Number(bytes)
  }
  return { total, kinds, bytesSent }
}

function kindOf(path: string, status: string): string {
  if (path.includes('/blobs/uploads/')) return !path.includes('mount=') ? 'upload' : status === '201' ? 'mount' : 'mount refused'
  if (path.includes('/blobs/')) return 'blob'
  if (path.includes('/manifests/')) return 'manifest'
  if (path.includes('/tags/list')) return 'tag list'
  return path === '/v2/' ? 'ping' : 'other'
}
