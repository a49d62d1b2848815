import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { count, id, text, texts, time } from './fields.ts'
import { type Harbor, segment } from './harbor.ts'

const project = z.object({
  project_id: id, name: z.string(),
  /** Of a proxy cache: the registry that it stands for. */
  registry_id: z.number().nullish().transform((value) => (value === 0 ? undefined : value ?? undefined)),
  owner_name: text, repo_count: count, creation_time: time, update_time: time,
  /** `public`, `auto_scan`, `prevent_vul`, `severity`, `enable_content_trust_cosign`, … : "true" and "false" are text. */
  metadata: texts,
})
export type Project = z.output<typeof project>

const storage = z.object({ storage: z.number().optional() }).nullish().transform((value) => value?.storage)
const summary = z.object({ repo_count: count, quota: z.object({ hard: storage, used: storage }).nullish().transform((value) => value ?? undefined) })
/** `quota` is there where the account may see it; -1 is no limit. */
export type ProjectSummary = z.output<typeof summary>

/** What a project is made with. Absent: Harbor's default. */
export interface NewProject {
  readonly name: string
  readonly public: boolean
  /** Bytes; -1: no limit. An account that is no administrator gets Harbor's default whatever it asks for. */
  readonly storageLimit?: number
  readonly autoScan?: boolean
  readonly autoSbom?: boolean
  readonly preventVulnerable?: string
  /** Makes it a proxy cache of this registry. */
  readonly registryId?: number
}

export interface ProjectFilter { readonly name?: string; readonly public?: boolean; readonly owner?: string }

const read = { permission: 'project: read', level: 'project' } as const

/** Those that the account may see. `name` is a part of it. */
export function listProjects(harbor: Harbor, filter: ProjectFilter, io: Io): AsyncGenerator<Project, void, void> {
  return harbor.list({ path: '/projects', query: { name: filter.name, public: filter.public, owner: filter.owner, with_detail: false, sort: 'name' } }, project, io)
}

/** `undefined`: there is none. Some versions of Harbor tell accounts that are no administrators HARBOR_FORBIDDEN of it instead. */
export async function findProject(harbor: Harbor, name: string, io: Io): Promise<Project | undefined> {
  return await harbor.find({ path: `/projects/${segment(name)}`, project: name, need: read }, project, io)
}

/** Whether there is one, as far as this account is told. @throws HarborError HARBOR_FORBIDDEN */
export async function projectExists(harbor: Harbor, name: string, io: Io): Promise<boolean> {
  const answer = await harbor.ask({ method: 'HEAD', path: '/projects', query: { project_name: name }, project: name, need: read }, [200, 404], io)
  return answer.status === 200
}

export async function summaryOf(harbor: Harbor, name: string, io: Io): Promise<ProjectSummary> {
  return await harbor.read({ path: `/projects/${segment(name)}/summary`, project: name, need: read }, summary, io)
}

/** `existed`: somebody else was first, which is as good. @throws HarborError */
export async function createProject(harbor: Harbor, wanted: NewProject, io: Io): Promise<'created' | 'existed'> {
  const { outcome } = await harbor.create({
    path: '/projects', project: wanted.name, need: { permission: 'project: create', level: 'system' },
    json: {
      project_name: wanted.name, metadata: metadataOf(wanted), ...(wanted.storageLimit === undefined ? {} : { storage_limit: wanted.storageLimit }),
      ...(wanted.registryId === undefined ? {} : { registry_id: wanted.registryId }),
    },
  }, io)
  return outcome
}

/** Changes what is named of a project's metadata. */
export async function updateProject(harbor: Harbor, name: string, metadata: Readonly<Record<string, string>>, io: Io): Promise<void> {
  await harbor.ask({ method: 'PUT', path: `/projects/${segment(name)}`, project: name, json: { metadata }, idempotent: true, need: { permission: 'project: update', level: 'project' } }, [200], io)
}

/** @throws HarborError HARBOR_PRECONDITION while it holds repositories */
export async function deleteProject(harbor: Harbor, name: string, io: Io): Promise<void> {
  await harbor.ask({ method: 'DELETE', path: `/projects/${segment(name)}`, project: name, need: { permission: 'project: delete', level: 'project' } }, [200], io)
}

function metadataOf(wanted: Omit<NewProject, 'name'>): Readonly<Record<string, string>> {
  const { autoScan, autoSbom, preventVulnerable } = wanted
  return {
    public: String(wanted.public), ...(autoScan === undefined ? {} : { auto_scan: String(autoScan) }), ...(autoSbom === undefined ? {} : { auto_sbom_generation: String(autoSbom) }),
    ...(preventVulnerable === undefined ? {} : { prevent_vul: 'true', severity: preventVulnerable }),
  }
}
