// What `plan` says about the Harbors that images go to: asked for once the plan is there, because quotas want its bytes.
import { forEachLimit } from '@longshore/concurrency'
import { Harbor, probe } from '@longshore/harbor'
import { ConnectionError, isTag, RegistryError, type RepositoryName } from '@longshore/oci'
import { harborNameFault, type HarborSettings, type Migration, projectOf, projectSettings, settingsOf } from '@longshore/spec'
import type { Image, Io, Plan } from '@longshore/transfer'
import { contentFindings, type Load, newProjectFindings } from './content-findings.ts'
import { type Finding, problem } from './finding.ts'
import { type DestinationHost, HarborSite } from './harbor-site.ts'
import { apiFinding, projectFindings, siteFindings } from './site-findings.ts'

export interface ExamineOptions extends Io {
  /** The client of a destination; `undefined` for what is no registry. */
  readonly hostOf: (registry: string) => DestinationHost | undefined
}

/** Projects that are looked at together. */
const together = 8

/** Problems first. A destination that the spec says nothing about is probed once; where it is no Harbor, nothing is said. @throws the signal's reason */
export async function examine({ destinations }: Pick<Migration, 'destinations'>, plan: Plan, { hostOf, signal }: ExamineOptions): Promise<readonly Finding[]> {
  const io = { signal }
  const findings: Finding[] = []
  for (const [registry, images] of Map.groupBy(plan.images.map(({ image }) => image), ({ destination }) => destination.registry)) {
    const host = hostOf(registry)
    const { harbor: settings } = settingsOf(destinations, registry)
    if (!host || (!settings && !await isHarbor(host, io))) continue
    const site = new HarborSite(host)
    const whole = await siteFindings(site, io)
    findings.push(...whole)
    if (whole.some(({ kind }) => kind !== 'read-only')) continue
    findings.push(...await examineProjects(site, settings, images, plan, io))
  }
  return findings.toSorted((a, b) => Number(b.severity === 'problem') - Number(a.severity === 'problem'))
}

async function examineProjects(site: HarborSite, settings: HarborSettings | undefined, images: readonly Image[], plan: Plan, io: Io): Promise<readonly Finding[]> {
  const { registry } = site
  const findings: Finding[] = []
  const byName = Map.groupBy(images, ({ destination }) => destination.repository)
  const projects = new Map<string, RepositoryName>()
  for (const repository of byName.keys()) {
    const fault = harborNameFault(registry, repository)
    if (fault === undefined) projects.set(projectOf(repository), repository)
    else findings.push(problem('name-invalid', registry, undefined, `${repository}: ${fault}`, ''))
  }
  const loads = loadsOf(registry, plan)
  await forEachLimit(io.signal, together, [...projects], async ([project, repository], signal) => {
    const load = loads.get(project) ?? { bytes: 0, replaced: [], tags: [] }
    const wanted = settings && projectSettings(settings, project)
    try {
      const state = await site.look(project, repository, { signal })
      findings.push(...await projectFindings(site, project, state, settings, { signal }))
      if (state.kind === 'missing') {
        if (wanted && settings.createProjects) findings.push(...newProjectFindings(registry, project, load, wanted))
      } else if (state.project) findings.push(...await contentFindings(site, state.project, load, wanted, { signal }))
    } catch (error) {
      findings.push(apiFinding(registry, project, error, { signal }))
    }
  })
  return findings.toSorted((a, b) => (a.project ?? '').localeCompare(b.project ?? ''))
}

function loadsOf(registry: string, { images, namespaces }: Plan): ReadonlyMap<string, Load> {
  const replaced = Map.groupBy(images.filter((image) => image.state === 'copy' && image.replaces && image.image.destination.registry === registry).map(({ image }) => image), ({ destination }) => projectOf(destination.repository))
  const tags = Map.groupBy(images.flatMap((planned) => (planned.state !== 'failed' && planned.image.destination.registry === registry && isTag(planned.image.destination.reference) ? [planned] : [])), ({ image }) => projectOf(image.destination.repository))
  const bytes = new Map(namespaces.filter((one) => one.registry === registry).map((one) => [one.namespace, one.bytes]))
  return new Map([...new Set([...bytes.keys(), ...tags.keys()])].map((project) => [project, {
    bytes: bytes.get(project) ?? 0, replaced: replaced.get(project) ?? [],
    tags: (tags.get(project) ?? []).map(({ image: { destination: { repository, reference } }, digest }) => ({ repository: repository.slice(project.length + 1), tag: reference, digest })),
  }]))
}

async function isHarbor(host: DestinationHost, io: Io): Promise<boolean> {
  try {
    return await probe(new Harbor(host), io) !== undefined
  } catch (error) {
    io.signal.throwIfAborted()
    if (error instanceof ConnectionError || error instanceof RegistryError) return false
    throw error
  }
}
