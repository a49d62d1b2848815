import { MigrationError } from '@longshore/oci'

/** Trying again does not mend a spec, a flag or a program. */
const permanent = new Set([
  'SPEC_INVALID', 'USAGE', 'DESTINATION_COLLISION', 'SOURCE_IS_DESTINATION', 'REFERENCE_INVALID', 'CREDENTIALS_INVALID', 'CERTIFICATES_INVALID', 'REGISTRIES_CONF_INVALID',
  'CUTOVER_NOT_FOUND', 'CUTOVER_STATE', 'CUTOVER_PHASE', 'HOOK_VARIABLE_MISSING', 'HOOKS_NOT_ALLOWED',
])

/** Whether a step that threw this would throw it again and again. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) return true
  return error instanceof MigrationError && permanent.has(error.code)
}
