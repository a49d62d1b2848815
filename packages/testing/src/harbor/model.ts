// What Harbor keeps in its database, as plain records. Times are milliseconds.
import type { Digest } from '@longshore/oci'

export const roleNames = ['projectAdmin', 'developer', 'guest', 'maintainer', 'limitedGuest'] as const
export type RoleName = (typeof roleNames)[number]

/** `common.RoleProjectAdmin` and the others. */
export function roleIdOf(role: RoleName): number {
  return roleNames.indexOf(role) + 1
}

export function roleOf(id: number): RoleName | undefined {
  return roleNames[id - 1]
}

export interface User {
  readonly id: number
  readonly name: string
  password: string
  readonly email: string
  readonly realname: string
  isAdmin: boolean
  readonly createdAt: number
}

export interface Access { readonly resource: string; readonly action: string; readonly effect?: string }

export interface RobotPermission {
  readonly kind: 'system' | 'project'
  /** A project's name, `*` for all of them, `/` for the system. */
  readonly namespace: string
  readonly access: readonly Access[]
}

export interface Robot {
  readonly id: number
  /** Whole: `robot$name`, `robot$project+name`. */
  readonly name: string
  description: string
  secret: string
  readonly level: 'system' | 'project'
  /** Absent at system level. */
  readonly projectId: number | undefined
  /** Days; -1: for ever. */
  duration: number
  /** Seconds since 1970; -1: never. */
  expiresAt: number
  disabled: boolean
  permissions: readonly RobotPermission[]
  readonly createdAt: number
  updatedAt: number
}

export interface Member { readonly id: number; readonly userId: number; role: RoleName }

export interface Selector { readonly kind: string; readonly decoration: string; readonly pattern: string; readonly extras?: string }

export interface ImmutableRule {
  readonly id: number
  readonly projectId: number
  priority: number
  disabled: boolean
  action: string
  template: string
  tagSelectors: readonly Selector[]
  scopeSelectors: Readonly<Record<string, readonly Selector[]>>
}

export interface WebhookTarget {
  readonly type: string
  readonly address: string
  readonly auth_header?: string
  readonly skip_cert_verify?: boolean
  readonly payload_format?: string
}

export interface WebhookPolicy {
  readonly id: number
  readonly projectId: number
  name: string
  description: string
  targets: readonly WebhookTarget[]
  eventTypes: readonly string[]
  readonly creator: string
  enabled: boolean
  readonly createdAt: number
  updatedAt: number
}

export interface Label {
  readonly id: number
  name: string
  description: string
  color: string
  readonly scope: 'g' | 'p'
  /** 0 for global labels. */
  readonly projectId: number
  readonly createdAt: number
  updatedAt: number
}

export interface RemoteRegistry {
  readonly id: number
  readonly name: string
  readonly url: string
  readonly type: string
  readonly description: string
  readonly insecure: boolean
  readonly credential?: { readonly type: string; readonly access_key: string; readonly access_secret: string }
  readonly createdAt: number
}

export interface Tag { readonly id: number; readonly name: string; digest: Digest; pushedAt: number; pulledAt: number | undefined }

export type Severity = 'None' | 'Unknown' | 'Negligible' | 'Low' | 'Medium' | 'High' | 'Critical'

/** What a scanner found. */
export interface Scan { readonly severity: Severity; readonly total: number; readonly fixable: number; readonly at: number }

export interface Reference { readonly digest: Digest; readonly platform?: unknown; readonly annotations?: unknown }

export interface Artifact {
  readonly id: number
  readonly digest: Digest
  readonly manifestMediaType: string
  /** Of the config, or of the manifest where it has none. */
  readonly mediaType: string
  readonly artifactType: string
  /** What Harbor makes of it: IMAGE, CHART, … */
  readonly type: string
  /** With everything that it references, in bytes. */
  readonly size: number
  readonly manifestSize: number
  readonly annotations: Readonly<Record<string, string>> | undefined
  readonly references: readonly Reference[]
  /** Blobs and the manifest itself, which the quota counts. */
  readonly blobs: ReadonlyMap<Digest, number>
  readonly labels: Set<number>
  readonly pushedAt: number
  pulledAt: number | undefined
  scan: Scan | undefined
}

export interface Accessory {
  readonly id: number
  /** The subject need not be there yet. */
  readonly subjectDigest: Digest
  /** The accessory's own. */
  readonly digest: Digest
  readonly size: number
  readonly type: string
  readonly createdAt: number
}

export interface Repository {
  readonly id: number
  readonly projectId: number
  /** With the project's name. */
  readonly name: string
  description: string
  pullCount: number
  readonly artifacts: Map<Digest, Artifact>
  readonly tags: Map<string, Tag>
  /** By the accessory's own digest. */
  readonly accessories: Map<Digest, Accessory>
  readonly createdAt: number
  updatedAt: number
}

export interface RetentionPolicy { readonly id: number; readonly projectId: number; value: Readonly<Record<string, unknown>> }

export interface Project {
  readonly id: number
  readonly name: string
  readonly ownerId: number
  /** Not 0: a proxy cache of that registry. */
  readonly registryId: number
  readonly metadata: Map<string, string>
  cveAllowlist: { readonly items: readonly { readonly cve_id: string }[]; readonly expires_at: number | null }
  readonly members: Map<number, Member>
  readonly quotaId: number
  /** Bytes; -1: no limit. */
  storageLimit: number
  /** What counts towards the quota: each blob once, in bytes. */
  readonly blobs: Map<Digest, number>
  /** Bytes of requests under way. */
  reserved: number
  readonly createdAt: number
  updatedAt: number
}
