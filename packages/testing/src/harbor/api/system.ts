// Ping, version, system information, health, configuration.
import { type Answer, type Call, jsonOf, ok, requireSystem } from '../call.ts'
import { badRequest } from '../harbor-error.ts'
import { flagOf, numberOf, textOf, time } from './json.ts'

const version = 'v2.12.2-73072d0d'

export function getPing(): Answer {
  return { status: 200, body: 'Pong', headers: { 'content-type': 'text/plain; charset=utf-8' } }
}

export function getVersion(): Answer {
  return { status: 200, body: { version: 'v2.0' }, headers: { 'content-type': 'application/json; charset=utf-8' } }
}

/** What is Harbor's own affair is told to those who are known. */
export function getSystemInfo({ state: { configuration }, security, harbor }: Call): Answer {
  return {
    status: 200,
    body: {
      auth_mode: 'db_auth', banner_message: '', harbor_version: harbor.options.version ?? version, oidc_provider_name: '', primary_auth_mode: false, self_registration: false,
      ...(security.isAuthenticated ? {
        current_time: time(Date.now()), external_url: harbor.url, has_ca_root: false, notification_enable: configuration.notifications,
        project_creation_restriction: configuration.projectCreation, read_only: configuration.readOnly, registry_storage_provider_name: 'filesystem',
        registry_url: new URL(harbor.url).host,
      } : {}),
    },
  }
}

export function getHealth(): Answer {
  const components = ['core', 'database', 'jobservice', 'portal', 'redis', 'registry', 'registryctl'].map((name) => ({ name, status: 'healthy' }))
  return { status: 200, body: { components, status: 'healthy' } }
}

export function getConfigurations(call: Call): Answer {
  requireSystem(call, 'read', 'configuration')
  const { configuration } = call.state
  const item = (value: unknown): unknown => ({ editable: true, value })
  return {
    status: 200,
    body: {
      auth_mode: item('db_auth'), notification_enable: item(configuration.notifications), project_creation_restriction: item(configuration.projectCreation),
      quota_per_project_enable: item(configuration.quotaPerProject), read_only: item(configuration.readOnly), robot_name_prefix: item(configuration.robotPrefix),
      robot_token_duration: item(configuration.robotDuration), self_registration: item(false), storage_per_project: item(configuration.storagePerProject),
      token_expiration: item(configuration.tokenExpiration),
    },
  }
}

export async function updateConfigurations(call: Call): Promise<Answer> {
  requireSystem(call, 'update', 'configuration')
  const { configuration } = call.state
  const body = await jsonOf(call)
  const restriction = textOf(body, 'project_creation_restriction')
  if (restriction !== undefined && restriction !== 'everyone' && restriction !== 'adminonly') throw badRequest(`bad request: invalid value for project_creation_restriction: ${restriction}`)
  const given = {
    readOnly: flagOf(body, 'read_only'), quotaPerProject: flagOf(body, 'quota_per_project_enable'), notifications: flagOf(body, 'notification_enable'),
    robotPrefix: textOf(body, 'robot_name_prefix'), robotDuration: numberOf(body, 'robot_token_duration'),
    storagePerProject: numberOf(body, 'storage_per_project'), tokenExpiration: numberOf(body, 'token_expiration'), projectCreation: restriction,
  }
  Object.assign(configuration, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))
  return ok
}
