// One Harbor as a destination: what is found out about it, each thing once.
import { createProject, type CurrentUser, currentUserOf, findProject, Harbor, HarborError, listProjects, type Project, type Requester, type SystemInfo, systemInfoOf } from '@longshore/harbor'
import type { RepositoryName } from '@longshore/oci'
import type { ProjectSettings } from '@longshore/spec'
import type { Io } from '@longshore/transfer'

/** The registry client of a destination. */
export interface DestinationHost extends Requester {
  /** `undefined`: it cannot be told without trying. */
  mayPush(repository: RepositoryName, io: Io): Promise<boolean | undefined>
}

export type ProjectState =
  /** `project` is unknown where the account may push but not look. */
  | { readonly kind: 'there'; readonly project: Project | undefined; readonly mayPush: boolean | undefined }
  /** Not certain: it may be there, out of this account's sight. */
  | { readonly kind: 'missing'; readonly isCertain: boolean }

export class HarborSite {
  readonly harbor: Harbor
  readonly #host: DestinationHost
  readonly #projects = new Map<string, Promise<ProjectState>>()
  #system: Promise<SystemInfo> | undefined
  #user: Promise<CurrentUser | undefined> | undefined

  constructor(host: DestinationHost) {
    this.#host = host
    this.harbor = new Harbor(host)
  }

  get registry(): string { return this.#host.registry }

  /** @throws HarborError, ConnectionError */
  async system(io: Io): Promise<SystemInfo> { return await (this.#system ??= systemInfoOf(this.harbor, io)) }

  /** @param repository some name in the project, to ask about pushing @throws HarborError, ConnectionError */
  async look(project: string, repository: RepositoryName, io: Io): Promise<ProjectState> {
    const known = this.#projects.get(project)
    if (known) return await known
    const looking = this.#look(project, repository, io)
    this.#projects.set(project, looking)
    looking.catch(() => this.#projects.delete(project))
    return await looking
  }

  /** Whether the account may make projects; `undefined`: only trying tells (a robot account of the system). */
  async mayCreate(io: Io): Promise<boolean | undefined> {
    const account = await this.harbor.account()
    if (account === undefined) return false
    const user = await this.#whoAmI(io)
    if (user) return user.sysadmin_flag || user.admin_role_in_auth || (await this.system(io)).project_creation_restriction === 'everyone'
    // A robot account of one project: prefix, project, "+", name. No user is called so.
    return account.includes('+') ? false : undefined
  }

  /** @throws HarborError */
  async create(name: string, { public: isPublic, quota, autoScan, autoSbom, preventVulnerable }: ProjectSettings, io: Io): Promise<'created' | 'existed'> {
    const outcome = await createProject(this.harbor, {
      name, public: isPublic, ...(quota === undefined ? {} : { storageLimit: quota }), ...(autoScan === undefined ? {} : { autoScan }), ...(autoSbom === undefined ? {} : { autoSbom }),
      ...(preventVulnerable === undefined ? {} : { preventVulnerable }),
    }, io)
    this.#projects.delete(name)
    return outcome
  }

  async #look(project: string, repository: RepositoryName, io: Io): Promise<ProjectState> {
    const [found, mayPush] = await Promise.all([this.#find(project, io), this.#mayPush(repository, io)])
    if (found.project) return { kind: 'there', project: found.project, mayPush }
    // A token that lets push is given for projects that are there.
    if (mayPush === true) return { kind: 'there', project: undefined, mayPush }
    return { kind: 'missing', isCertain: found.isCertain || (await this.#whoAmI(io))?.sysadmin_flag === true }
  }

  /** Harbor says 404 of a project that is not there to some, 403 to others; its list shows what may be seen. */
  async #find(name: string, io: Io): Promise<{ readonly project?: Project; readonly isCertain: boolean }> {
    try {
      const project = await findProject(this.harbor, name, io)
      return project ? { project, isCertain: true } : { isCertain: true }
    } catch (error) {
      if (!(error instanceof HarborError && error.code === 'HARBOR_FORBIDDEN')) throw error
    }
    for await (const project of listProjects(this.harbor, { name }, io)) if (project.name === name) return { project, isCertain: true }
    return { isCertain: false }
  }

  /** What is wrong with the token service is met soon enough, by whoever pushes. */
  async #mayPush(repository: RepositoryName, io: Io): Promise<boolean | undefined> {
    try {
      return await this.#host.mayPush(repository, io)
    } catch {
      io.signal.throwIfAborted()
      return undefined
    }
  }

  async #whoAmI(io: Io): Promise<CurrentUser | undefined> { return await (this.#user ??= currentUserOf(this.harbor, io)) }
}
