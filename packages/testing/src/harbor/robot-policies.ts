// What a robot may be given. https://github.com/goharbor/harbor/blob/v2.12.0/src/common/rbac/const.go
const crud = 'read create delete list update'

/** Resource to its actions. */
export const systemAccess: Readonly<Record<string, string>> = {
  'audit-log': 'list', 'preheat-instance': crud, project: 'list create', 'replication-policy': crud, replication: 'read create list',
  'replication-adapter': 'list', registry: crud, 'scan-all': 'read update stop create', 'system-volumes': 'read',
  'garbage-collection': 'read create list update stop', 'purge-audit': 'read create list update stop', 'jobservice-monitor': 'list stop',
  scanner: crud, label: 'read create delete update', 'security-hub': 'read list', catalog: 'read', quota: 'read list update',
  'export-cve': 'read create', 'ldap-user': 'create list', robot: 'read create delete list', user: crud, 'user-group': crud,
}

export const projectAccess: Readonly<Record<string, string>> = {
  log: 'list', project: 'read delete update', metadata: crud, repository: 'read update delete list pull push', artifact: 'read create list delete',
  scan: 'create read stop', sbom: 'create stop read', tag: 'create list delete', accessory: 'list', 'artifact-addition': 'read',
  'artifact-label': 'create delete', scanner: 'create read', 'preheat-policy': crud, 'immutable-tag': 'create delete list update',
  'notification-policy': crud, 'tag-retention': 'read create delete list update', label: crud, quota: 'read', robot: 'read create delete list',
  member: 'read create delete list update', configuration: 'read update', 'export-cve': 'read create',
}

export function isGrantable(kind: 'system' | 'project', resource: string, action: string): boolean {
  const actions = (kind === 'system' ? systemAccess : projectAccess)[resource]
  return actions?.split(' ').includes(action) === true
}
