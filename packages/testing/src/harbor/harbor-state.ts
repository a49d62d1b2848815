// Harbor's database, in memory, with the look-ups that its handlers share.
import type { Digest } from '@longshore/oci'
import type { Accessory, Artifact, ImmutableRule, Label, Project, RemoteRegistry, Repository, RetentionPolicy, Robot, Tag, User, WebhookPolicy } from './model.ts'

/** What `/configurations` holds, as far as it has an effect here. */
export interface Configuration {
  readOnly: boolean
  projectCreation: 'everyone' | 'adminonly'
  robotPrefix: string
  /** Days, for robots whose creation says none. */
  robotDuration: number
  quotaPerProject: boolean
  /** Bytes. */
  storagePerProject: number
  notifications: boolean
  /** Minutes. */
  tokenExpiration: number
}

export class HarborState {
  readonly configuration: Configuration = {
    readOnly: false, projectCreation: 'everyone', robotPrefix: 'robot$', robotDuration: 30, quotaPerProject: true, storagePerProject: -1,
    notifications: true, tokenExpiration: 30,
  }
  readonly users = new Map<number, User>()
  readonly robots = new Map<number, Robot>()
  readonly projects = new Map<number, Project>()
  /** By name. */
  readonly repositories = new Map<string, Repository>()
  readonly labels = new Map<number, Label>()
  readonly registries = new Map<number, RemoteRegistry>()
  readonly immutableRules = new Map<number, ImmutableRule>()
  readonly retentions = new Map<number, RetentionPolicy>()
  readonly webhooks = new Map<number, WebhookPolicy>()
  readonly #ids = new Map<string, number>()

  /** As a database's sequence gives them: from 1, never twice. */
  nextId(table: string): number {
    const id = (this.#ids.get(table) ?? 0) + 1
    this.#ids.set(table, id)
    return id
  }

  userNamed(name: string): User | undefined {
    return [...this.users.values()].find((user) => user.name === name)
  }

  robotNamed(name: string): Robot | undefined {
    return [...this.robots.values()].find((robot) => robot.name === name)
  }

  projectNamed(name: string): Project | undefined {
    return [...this.projects.values()].find((project) => project.name === name)
  }

  /** Of a repository's name. */
  projectOf(repository: string): Project | undefined {
    return this.projectNamed(repository.split('/')[0] ?? '')
  }

  repositoriesOf(project: Project): readonly Repository[] {
    return [...this.repositories.values()].filter((repository) => repository.projectId === project.id)
  }
}

/** `reference`: a tag or a digest. */
export function artifactIn(repository: Repository, reference: string): Artifact | undefined {
  const digest = isDigestLike(reference) ? reference : repository.tags.get(reference)?.digest
  return digest === undefined ? undefined : repository.artifacts.get(digest)
}

export function tagsOn(repository: Repository, digest: Digest): readonly Tag[] {
  return [...repository.tags.values()].filter((tag) => tag.digest === digest)
}

export function accessoriesOf(repository: Repository, subject: Digest): readonly Accessory[] {
  return [...repository.accessories.values()].filter((accessory) => accessory.subjectDigest === subject)
}

/** A tag has no colon. */
export function isDigestLike(reference: string): reference is Digest {
  return reference.includes(':')
}
