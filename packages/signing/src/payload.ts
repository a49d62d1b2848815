// What is signed: containers-signature(5), "JSON data format". sigstore's payload differs in its type only.
import { type Digest, isDigest } from '@longshore/oci'
import { z } from 'zod'
import { SigningError } from './errors.ts'
import { parseStrictJson } from './strict-json.ts'

export const PayloadType = { simple: 'atomic container signature', sigstore: 'cosign container image signature' } as const
export type PayloadType = (typeof PayloadType)[keyof typeof PayloadType]

/** A claim: this manifest is that image. */
export interface Payload {
  readonly manifest: Digest
  readonly reference: string
  readonly creator?: string
  /** Seconds since 1970. */
  readonly timestamp?: number
}

const optional = z.looseObject({ creator: z.string().optional(), timestamp: z.int().optional() })
const schema = z.strictObject({
  critical: z.strictObject({
    type: z.string(),
    image: z.strictObject({ 'docker-manifest-digest': z.string() }),
    identity: z.strictObject({ 'docker-reference': z.string() }),
  }),
  // cosign writes null where there is nothing.
  optional: optional.nullable(),
})

/**
 * Call it with content whose signature was verified, or for show.
 * @throws SigningError SIGNATURE_INVALID for anything that is not exactly as specified
 */
export function parsePayload(bytes: Uint8Array, type: PayloadType): Payload {
  let value: unknown
  try {
    value = parseStrictJson(bytes)
  } catch (error) {
    throw new SigningError('SIGNATURE_INVALID', `the signed content is ${error instanceof Error ? error.message : 'not JSON'}`)
  }
  const { success, data, error } = schema.safeParse(value)
  if (!success) {
    const [issue] = error.issues
    throw new SigningError('SIGNATURE_INVALID', `the signed content is not as specified: ${[issue?.path.join('.'), issue?.message].filter((part) => part !== undefined && part !== '').join(': ')}`)
  }
  const { critical } = data
  if (critical.type !== type) throw new SigningError('SIGNATURE_INVALID', `Unrecognized signature type ${critical.type}`)
  if (data.optional === null && type === PayloadType.simple) throw new SigningError('SIGNATURE_INVALID', 'the signed content is not as specified: optional: expected an object, received null')
  const manifest = critical.image['docker-manifest-digest']
  if (!isDigest(manifest)) throw new SigningError('SIGNATURE_INVALID', `invalid docker-manifest-digest value "${manifest}"`)
  const { creator, timestamp } = data.optional ?? {}
  return {
    manifest, reference: critical.identity['docker-reference'],
    ...(creator === undefined ? {} : { creator }), ...(timestamp === undefined ? {} : { timestamp }),
  }
}

export function formatPayload({ manifest, reference, creator, timestamp }: Payload, type: PayloadType): Uint8Array {
  return Buffer.from(JSON.stringify({
    critical: { identity: { 'docker-reference': reference }, image: { 'docker-manifest-digest': manifest }, type },
    optional: { ...(creator === undefined ? {} : { creator }), ...(timestamp === undefined ? {} : { timestamp }) },
  }))
}
