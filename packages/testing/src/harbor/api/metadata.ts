// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/project_metadata.go
import { type Answer, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { badRequest, conflict, notFound } from '../harbor-error.ts'
import type { Json } from './json.ts'

const flags = new Set(['public', 'enable_content_trust', 'enable_content_trust_cosign', 'prevent_vul', 'auto_scan', 'auto_sbom_generation', 'reuse_sys_cve_allowlist'])
const severities = new Set(['none', 'low', 'medium', 'high', 'critical'])

/** @throws HarborRefusal 400 for a value that is none */
export function metadataOf(json: Json): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [key, value] of Object.entries(json)) {
    if (value === null || value === undefined) continue
    if (typeof value !== 'string') throw badRequest(`invalid value: ${JSON.stringify(value)}`)
    if (flags.has(key)) {
      if (!/^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) throw badRequest(`invalid value: ${value}`)
      found[key] = String(/^[1tT]/.test(value))
    } else if (key === 'severity') {
      if (!severities.has(value.toLowerCase())) throw badRequest(`invalid value: ${value}`)
      found[key] = value.toLowerCase()
    } else if (key === 'proxy_speed_kb' || key === 'max_upstream_conn') {
      if (!/^-?\d+$/.test(value)) throw badRequest(`invalid value: ${value}`)
      found[key] = value
    } else if (key === 'retention_id') found[key] = value
    // A word that Harbor does not know is passed over.
  }
  return found
}

export function listProjectMetadatas(call: Call): Answer {
  const project = projectFor(call, 'read', 'metadata')
  return { status: 200, body: Object.fromEntries(project.metadata) }
}

export function getProjectMetadata(call: Call): Answer {
  const project = projectFor(call, 'read', 'metadata')
  const name = call.params['meta_name'] ?? ''
  const value = project.metadata.get(name)
  if (value === undefined) throw notFound(`metadata ${name} not found`)
  return { status: 200, body: { [name]: value } }
}

export async function addProjectMetadatas(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', 'metadata')
  const [entry, ...more] = Object.entries(metadataOf(await jsonOf(call)))
  if (!entry || more.length > 0) throw badRequest('only allow to add one metadata at a time')
  const [key, value] = entry
  if (project.metadata.has(key)) throw conflict(`metadata ${key} already exists`)
  project.metadata.set(key, value)
  return ok
}

export async function updateProjectMetadata(call: Call): Promise<Answer> {
  const project = projectFor(call, 'update', 'metadata')
  const name = call.params['meta_name'] ?? ''
  if (!project.metadata.has(name)) throw notFound(`metadata ${name} not found`)
  const value = metadataOf(await jsonOf(call))[name]
  if (value === undefined) throw badRequest(`must contains the value of ${name}`)
  project.metadata.set(name, value)
  return ok
}

export function deleteProjectMetadata(call: Call): Answer {
  const project = projectFor(call, 'delete', 'metadata')
  project.metadata.delete(call.params['meta_name'] ?? '')
  return ok
}
