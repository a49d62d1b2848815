// Between the expansion and the images: projects are made and hooks are called before the first image that needs them is handed out.
import { forEachLimit, Limiter, workStream } from '@longshore/concurrency'
import { HarborError } from '@longshore/harbor'
import type { RunHook } from '@longshore/hooks'
import { type ErrorRecord, type RepositoryName, toRecord } from '@longshore/oci'
import { type HarborSettings, harborNameFault, hasHooks, type Hook, type Migration, nameRepository, projectOf, projectSettings, settingsOf } from '@longshore/spec'
import { formatEnd, type Image, type Transports, type Wanted } from '@longshore/transfer'
import { HooksNotAllowedError, NotReadyError, ProjectNotMadeError, RepositoryNotMadeError } from './errors.ts'
import { type Finding, problem } from './finding.ts'
import { type DestinationHost, HarborSite } from './harbor-site.ts'
import { apiFinding, projectFindings, siteFindings } from './site-findings.ts'

export interface PreparationOptions {
  readonly transports: Transports
  /** The client of a destination; `undefined` for what is no registry. */
  readonly hostOf: (registry: string) => DestinationHost | undefined
  /** Absent: this process may not call hooks, whoever wrote them. */
  readonly runHook?: RunHook
  /** For hooks. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Hears of what was made. */
  readonly onNote: (message: string) => void
}

/** Images that may wait for what is being made for others; hooks that run at once, projects that are looked at together. */
const limits = { waiting: 256, hooks: 8, projects: 8 } as const

export class Preparation {
  readonly #migration: Migration
  readonly #with: PreparationOptions
  readonly #sites = new Map<string, HarborSite>()
  /** What has been seen to, and why it failed, where it did: by project, and by repository. */
  readonly #made = new Map<string, Promise<ErrorRecord | undefined>>()
  readonly #hooks = new Limiter(limits.hooks)

  constructor(migration: Migration, options: PreparationOptions) {
    this.#migration = migration
    this.#with = options
  }

  /**
   * Looks at the Harbors that the spec has settings for, and at the projects that it names; then makes those that are missing.
   * @throws NotReadyError where a whole project cannot take images: nothing has been moved then; HooksNotAllowedError
   */
  async begin(signal: AbortSignal): Promise<void> {
    if (!this.#with.runHook && hasHooks(this.#migration)) throw new HooksNotAllowedError()
    const wanted = this.#namedProjects()
    const findings: Finding[] = []
    const missing: Array<{ readonly site: HarborSite; readonly settings: HarborSettings; readonly project: string }> = []
    for (const [registry, projects] of wanted) {
      const { harbor: settings } = settingsOf(this.#migration.destinations, registry)
      const site = this.#siteOf(registry)
      if (!settings || !site) continue
      const whole = await siteFindings(site, { signal })
      findings.push(...whole)
      if (whole.length > 0) continue
      await forEachLimit(signal, limits.projects, [...projects], async ([project, repository], scoped) => {
        try {
          const state = await site.look(project, repository, { signal: scoped })
          findings.push(...(await projectFindings(site, project, state, settings, { signal: scoped })).filter(({ severity }) => severity === 'problem'))
          if (state.kind === 'missing') missing.push({ site, settings, project })
        } catch (error) {
          findings.push(apiFinding(registry, project, error, { signal: scoped }))
        }
      })
    }
    if (findings.length > 0) throw new NotReadyError(findings)
    const refused: Finding[] = []
    await forEachLimit(signal, limits.projects, missing, async ({ site, settings, project }, scoped) => {
      const error = await this.#makeProject(site, settings, project, scoped)
      this.#made.set(`${site.registry}/${project}`, Promise.resolve(error && toRecord(new ProjectNotMadeError(site.registry, project, error))))
      if (error instanceof HarborError && (error.code === 'HARBOR_FORBIDDEN' || error.code === 'HARBOR_UNAUTHORIZED')) {
        refused.push(problem('project-forbidden', site.registry, project, `the project is missing and could not be made: ${error.message}`, ''))
      }
    })
    if (refused.length > 0) throw new NotReadyError(refused)
  }

  /** The same images, each when its destination is ready; what could not be made ready has `failure`. */
  async* stage(wanted: AsyncIterable<Wanted>, signal: AbortSignal): AsyncGenerator<Wanted, void, void> {
    yield* workStream(signal, limits.waiting, wanted, async (one, scoped) => {
      const failure = await this.#prepare(one.image, scoped)
      return failure === undefined ? one : { ...one, failure }
    })
  }

  /**
   * Another try of images that failed: those of them whose destination was not ready are seen to anew. Answers which are not ready still, each with `failure`.
   * Nothing that was found out before counts, as somebody may have mended it by hand.
   */
  async again(failed: AsyncIterable<{ readonly wanted: Wanted; readonly error?: ErrorRecord }>, signal: AbortSignal): Promise<readonly Wanted[]> {
    this.#sites.clear()
    for (const [key, making] of this.#made) if (await making !== undefined) this.#made.delete(key)
    const unready: Wanted[] = []
    for await (const one of this.stage(unreadyOf(failed), signal)) if (one.failure) unready.push(one)
    return unready
  }

  async #prepare(image: Image, signal: AbortSignal): Promise<ErrorRecord | undefined> {
    const { registry, repository } = image.destination
    const { harbor, onMissingRepository } = settingsOf(this.#migration.destinations, registry)
    const site = harbor && this.#siteOf(registry)
    if (site) {
      const project = projectOf(repository)
      const failure = await this.#once(`${registry}/${project}`, async () => await this.#seeToProject(site, harbor, project, repository, signal))
      if (failure) return failure
    }
    return onMissingRepository && await this.#once(`${registry} ${repository}`, async () => await this.#seeToRepository(onMissingRepository, image, signal))
  }

  /** Of a project that the expansion has come upon. */
  async #seeToProject(site: HarborSite, settings: HarborSettings, project: string, repository: RepositoryName, signal: AbortSignal): Promise<ErrorRecord | undefined> {
    try {
      const state = await site.look(project, repository, { signal })
      const [finding] = (await projectFindings(site, project, state, settings, { signal })).filter(({ severity }) => severity === 'problem')
      if (finding) return toRecord(new NotReadyError([finding]))
      if (state.kind === 'there') return undefined
      const error = await this.#makeProject(site, settings, project, signal)
      return error && toRecord(new ProjectNotMadeError(site.registry, project, error))
    } catch (error) {
      signal.throwIfAborted()
      return toRecord(new ProjectNotMadeError(site.registry, project, error))
    }
  }

  /** Answers why it could not be made. That somebody else was first is as good. */
  async #makeProject(site: HarborSite, settings: HarborSettings, project: string, signal: AbortSignal): Promise<Error | undefined> {
    try {
      const outcome = await site.create(project, projectSettings(settings, project), { signal })
      if (outcome === 'created') this.#with.onNote(`made the project ${project} of ${site.registry}`)
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      return error as Error
    }
  }

  async #seeToRepository(hook: Hook, { source, destination: { registry, repository } }: Image, signal: AbortSignal): Promise<ErrorRecord | undefined> {
    const { transports, runHook, env } = this.#with
    try {
      // Where the list may not be read, nothing is known to be missing.
      const isThere = await transports.target(registry).tags(repository, { signal }).then((tags) => tags !== undefined, () => true)
      signal.throwIfAborted()
      if (isThere) return undefined
      if (!runHook) throw new HooksNotAllowedError()
      using _turn = await this.#hooks.acquire(signal)
      await runHook(hook, { facts: { registry, repository, source: formatEnd(source) }, env, signal })
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      return toRecord(new RepositoryNotMadeError(registry, repository, error))
    }
  }

  async #once(key: string, make: () => Promise<ErrorRecord | undefined>): Promise<ErrorRecord | undefined> {
    const known = this.#made.get(key)
    if (known) return await known
    const making = make()
    this.#made.set(key, making)
    return await making
  }

  #siteOf(registry: string): HarborSite | undefined {
    const known = this.#sites.get(registry)
    if (known) return known
    const host = this.#with.hostOf(registry)
    if (!host) return undefined
    const site = new HarborSite(host)
    this.#sites.set(registry, site)
    return site
  }

  /** Projects that the spec itself names, by registry, each with one of its repositories. */
  #namedProjects(): ReadonlyMap<string, ReadonlyMap<string, RepositoryName>> {
    const found = new Map<string, Map<string, RepositoryName>>()
    for (const { source, destinations } of this.#migration.entries) {
      for (const destination of destinations) {
        if (!settingsOf(this.#migration.destinations, destination.registry).harbor) continue
        const projects = found.get(destination.registry) ?? new Map<string, RepositoryName>()
        found.set(destination.registry, projects)
        if (source.kind !== 'repository') continue
        let repository: RepositoryName
        // A name that the rules spoil fails alone, when it is expanded.
        try { repository = nameRepository(destination, source.path, this.#migration.destinations) } catch { continue }
        if (harborNameFault(destination.registry, repository) === undefined) projects.set(projectOf(repository), repository)
      }
    }
    return found
  }
}

const unreadyCodes: ReadonlySet<string> = new Set(['DESTINATION_NOT_READY', 'PROJECT_NOT_MADE', 'REPOSITORY_NOT_MADE'] satisfies ReadonlyArray<(NotReadyError | ProjectNotMadeError | RepositoryNotMadeError)['code']>)

async function* unreadyOf(failed: AsyncIterable<{ readonly wanted: Wanted; readonly error?: ErrorRecord }>): AsyncGenerator<Wanted, void, void> {
  for await (const { wanted, error } of failed) if (error?.code !== undefined && unreadyCodes.has(error.code)) yield wanted
}
