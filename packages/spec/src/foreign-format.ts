// Whose file it is, by the keys that only theirs have.
import { kindOf } from './image-syncer.ts'
import type { ForeignFormat } from './parse-spec.ts'

const skopeoKeys = ['images', 'images-by-tag-regex', 'images-by-semver', 'tls-verify', 'cert-dir', 'credentials']

/** Undefined: the native spec, or nobody's. */
export function foreignFormat(value: unknown): ForeignFormat | undefined {
  if (!isMap(value) || ('version' in value && Array.isArray(value['images']))) return undefined
  if (Array.isArray(value['sync'])) return 'regsync'
  if (Array.isArray(value['tasks'])) return 'dregsy'
  if (Object.values(value).some((one) => isMap(one) && skopeoKeys.some((key) => key in one)) && !('auth' in value)) return 'skopeo'
  return kindOf(value) === undefined ? undefined : 'image-syncer'
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
