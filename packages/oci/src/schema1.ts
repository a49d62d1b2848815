// A signed schema 1 manifest is a JWS over its own text: the digest is that of the payload, not of the bytes.
// https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/manifest-v2-1.md#signed-manifests

/**
 * The bytes that a schema 1 manifest's digest is over: the first `formatLength` bytes and `formatTail`, as its
 * signature's protected header says; all of `bytes` when it is not signed or the header cannot be read.
 */
export function schema1Payload(bytes: Uint8Array, json: Record<string, unknown>): Uint8Array {
  const signatures = json['signatures']
  const first: unknown = Array.isArray(signatures) ? signatures[0] : undefined
  const header = typeof first === 'object' && first !== null && 'protected' in first ? first.protected : undefined
  if (typeof header !== 'string') return bytes
  try {
    const { formatLength, formatTail } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>
    if (typeof formatLength !== 'number' || typeof formatTail !== 'string' || formatLength > bytes.byteLength) return bytes
    return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')])
  } catch {
    return bytes
  }
}
