// Who may do what in a project. https://github.com/goharbor/harbor/blob/v2.12.0/src/common/rbac/project/rbac_role.go
import type { RoleName } from './model.ts'

/** `resource:action`; the project itself is the empty resource. */
export type Policies = ReadonlySet<string>

function policies(text: Readonly<Record<string, string>>): Policies {
  return new Set(Object.entries(text).flatMap(([resource, actions]) => actions.split(' ').map((action) => `${resource}:${action}`)))
}

export const rolePolicies: Readonly<Record<RoleName, Policies>> = {
  projectAdmin: policies({
    '': 'read update delete', member: 'create read update delete list', metadata: 'create read update delete list', log: 'list',
    label: 'create read update delete list', quota: 'read', repository: 'create read update delete list pull push',
    'tag-retention': 'create read update delete list operate', 'immutable-tag': 'create update delete list', configuration: 'read update',
    robot: 'create read update delete list', 'notification-policy': 'create update delete list read', scan: 'create read stop',
    sbom: 'create stop read', scanner: 'read create', artifact: 'create read delete list', 'artifact-addition': 'read', tag: 'list create delete',
    accessory: 'list', 'artifact-label': 'create delete', 'preheat-policy': 'create read update delete list', 'export-cve': 'create read list',
  }),
  maintainer: policies({
    '': 'read', member: 'read list', metadata: 'create read update delete list', log: 'list', quota: 'read', label: 'create read update delete list',
    repository: 'create read update delete list push pull', 'tag-retention': 'create read update delete list operate', accessory: 'list',
    'immutable-tag': 'create update delete list', configuration: 'read', robot: 'read list', 'notification-policy': 'list',
    scan: 'create read stop', sbom: 'create stop read', scanner: 'read', artifact: 'create read delete list', 'artifact-addition': 'read',
    tag: 'list create delete', 'artifact-label': 'create delete', 'preheat-policy': 'read list', 'export-cve': 'create read list',
  }),
  developer: policies({
    '': 'read', member: 'read list', log: 'list', label: 'read list', quota: 'read', repository: 'create read update list push pull',
    'tag-retention': 'create read update delete list operate', configuration: 'read', robot: 'read list', scan: 'read', sbom: 'read', scanner: 'read',
    artifact: 'create read list', 'artifact-addition': 'read', tag: 'list create', accessory: 'list', 'artifact-label': 'create delete',
    'export-cve': 'create read list',
  }),
  guest: policies({
    '': 'read', member: 'read list', log: 'list', label: 'read list', quota: 'read', repository: 'read list pull', configuration: 'read',
    robot: 'read list', scan: 'read', sbom: 'read', scanner: 'read', tag: 'list', accessory: 'list', artifact: 'read list', 'artifact-addition': 'read',
  }),
  limitedGuest: policies({
    '': 'read', quota: 'read', repository: 'list pull', configuration: 'read', scan: 'read', sbom: 'read', scanner: 'read', tag: 'list', accessory: 'list',
    artifact: 'read list', 'artifact-addition': 'read',
  }),
}

/** What anybody may do in a public project. */
export const publicPolicies: Policies = policies({
  '': 'read', label: 'read list', repository: 'list pull read', configuration: 'read', scan: 'read', sbom: 'read', scanner: 'read', tag: 'list', accessory: 'list',
  artifact: 'read list', 'artifact-addition': 'read',
})
