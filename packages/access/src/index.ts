export { type Access, openAccess, type Registries } from './access.ts'
export { type AccessConfig, readAccessConfig } from './access-config.ts'
export type { AccessHint } from './access-hint.ts'
export type { AccessOptions } from './access-options.ts'
