// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/project_metadata.go
import { type Answer, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { badRequest, conflict, notFound } from '../harbor-error.ts'
import { type Json, textOf } from './json.ts'

const flags = new Set(['public', 'enable_content_trust', 'enable_content_trust_cosign', 'prevent_vul', 'auto_scan', 'auto_sbom_generation'])
/** Those of the swagger file's ProjectMetadata. */
const known = new Set([...flags, 'severity', 'reuse_sys_cve_allowlist', 'retention_id', 'proxy_speed_kb'])
const severities = new Set(['none', 'low', 'medium', 'high', 'critical'])

/** As projects are made and changed with: `public` alone is looked at, and what Harbor does not know is passed over. @throws HarborRefusal 400 */
export function metadataOf(json: Json): Readonly<Record<string, string>> {
  const found = Object.fromEntries(Object.keys(json).filter((key) => known.has(key)).flatMap((key) => {
    const value = textOf(json, key)
    return value === undefined ? [] : [[key, value] as const]
  }))
  const visible = found['public'] ?? ''
  if (!['', 'true', 'false'].includes(visible)) throw badRequest(`metadata.public should only be 'true' or 'false', but got: '${visible}'`)
  return found
}

/** One word and what it is to be. @throws HarborRefusal 400 */
function pairOf(json: Json): readonly [key: string, value: string] {
  const [[key, given] = ['', ''], ...more] = Object.entries(json)
  if (key === '' || more.length > 0) throw badRequest('only allow one key/value pair')
  const value = typeof given === 'string' ? given : JSON.stringify(given)
  if (flags.has(key)) {
    if (!/^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) throw badRequest(`invalid value: ${value}`)
    return [key, String(/^[1tT]/.test(value))]
  }
  if (key === 'severity') {
    if (!severities.has(value.toLowerCase())) throw badRequest(`invalid value: ${value}`)
    return [key, value.toLowerCase()]
  }
  throw badRequest(`invalid key: ${key}`)
}

export function listProjectMetadatas(call: Call): Answer {
  const project = projectFor(call, 'list', 'metadata')
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
  const [key, value] = pairOf(await jsonOf(call))
  if (project.metadata.has(key)) throw conflict(`metadata ${key} already exists`)
  project.metadata.set(key, value)
  return ok
}

export async function updateProjectMetadata(call: Call): Promise<Answer> {
  const project = projectFor(call, 'update', 'metadata')
  const name = call.params['meta_name'] ?? ''
  const [, value] = pairOf({ [name]: (await jsonOf(call))[name] ?? '' })
  if (!project.metadata.has(name)) throw notFound(`metadata ${name} not found`)
  project.metadata.set(name, value)
  return ok
}

export function deleteProjectMetadata(call: Call): Answer {
  const project = projectFor(call, 'delete', 'metadata')
  project.metadata.delete(call.params['meta_name'] ?? '')
  return ok
}
