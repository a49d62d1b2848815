// What will go wrong with the content of a project that is there or will be made: quota, immutable tags, policies.
import { HarborError, listImmutableRules, type Project, type ImmutableRule, summaryOf } from '@longshore/harbor'
import type { ProjectSettings } from '@longshore/spec'
import type { Image, Io } from '@longshore/transfer'
import { type Finding, note, problem } from './finding.ts'
import type { HarborSite } from './harbor-site.ts'
import { describeRule, ruleHolding } from './immutable.ts'
import type { Kept } from './retention.ts'
import { retentionFindings } from './retention-findings.ts'

/** What a plan moves into one project. */
export interface Load {
  /** Bytes of blobs that its repositories do not have, each once. */
  readonly bytes: number
  /** Images whose tag is there and names something else. */
  readonly replaced: readonly Image[]
  /** Every tag that will be there once all is moved, as far as the plan knows. */
  readonly tags: readonly Kept[]
}

const shownTags = 5
/** In the order in which they are looked for. */
const unseen = [
  'its quota may not be seen by this account ("project: read" and "quota: read")', 'its immutability rules may not be seen by this account ("immutable-tag: list")',
  'its tag retention policy may not be seen by this account ("tag-retention: read")',
]

/** @throws HarborError, ConnectionError, or the signal's reason */
export async function contentFindings(site: HarborSite, project: Project, load: Load, wanted: ProjectSettings | undefined, io: Io): Promise<readonly Finding[]> {
  const found = await Promise.all([
    allowed(async () => await quotaFindings(site, project.name, load.bytes, io)),
    allowed(async () => await immutableFindings(site, project.name, load.replaced, io)),
    allowed(async () => await retentionFindings(site, project, load.tags, io)),
  ])
  return [
    ...found.flatMap((one, i) => one ?? [note('not-examined', site.registry, project.name, unseen[i] ?? '')]),
    ...policyFindings(site.registry, project), ...(wanted ? settingFindings(site.registry, project, wanted) : []),
  ]
}

/** Of a project that will be made. */
export function newProjectFindings(registry: string, name: string, load: Load, { quota, preventVulnerable }: ProjectSettings): readonly Finding[] {
  return [
    ...(quota !== undefined && quota >= 0 && load.bytes > quota ? [exceeded(registry, name, { hard: quota, used: 0, needed: load.bytes }, `give it more: harbor: { ${registry}: { projects: { ${name}: { quota: … } } } }`)] : []),
    ...(preventVulnerable === undefined ? [] : [vulnerable(registry, name, preventVulnerable)]),
  ]
}

/** `undefined`: the account may not look. */
async function allowed(look: () => Promise<readonly Finding[] | undefined>): Promise<readonly Finding[] | undefined> {
  try { return await look() } catch (error) {
    if (error instanceof HarborError && error.code === 'HARBOR_FORBIDDEN') return undefined
    throw error
  }
}

async function quotaFindings(site: HarborSite, project: string, needed: number, io: Io): Promise<readonly Finding[] | undefined> {
  if (needed === 0) return []
  const { quota } = await summaryOf(site.harbor, project, io)
  // Not there for accounts that may not see it.
  if (!quota) return undefined
  const { hard, used = 0 } = quota
  if (hard === undefined || hard < 0 || used + needed <= hard) return []
  return [exceeded(site.registry, project, { hard, used, needed }, 'raise the project\'s quota (Administration › Project Quotas), or move less')]
}

function exceeded(registry: string, project: string, { hard, used, needed }: { readonly hard: number; readonly used: number; readonly needed: number }, remedy: string): Finding {
  return problem('quota-exceeded', registry, project, `its quota is ${size(hard)}, of which ${size(used)} are used, and up to ${size(needed)} are to come`, remedy)
}

async function immutableFindings(site: HarborSite, project: string, replaced: readonly Image[], io: Io): Promise<readonly Finding[]> {
  if (replaced.length === 0) return []
  const rules = await Array.fromAsync(listImmutableRules(site.harbor, project, io))
  const held = Map.groupBy(replaced, ({ destination: { repository, reference } }) => ruleHolding(rules, repository.slice(project.length + 1), reference))
  return [...held].filter((one): one is [ImmutableRule, Image[]] => one[0] !== undefined).map(([rule, images]) => {
    const names = images.slice(0, shownTags).map(({ destination: { repository, reference } }) => `${repository}:${reference}`).join(', ')
    const more = images.length > shownTags ? ` and ${images.length - shownTags} more` : ''
    return problem('immutable-tag', site.registry, project, `the rule "${describeRule(rule)}" makes immutable what would change: ${names}${more}`,
      'disable or delete the rule (Policy › Tag Immutability) while images are moved, leave these tags out, or give them other names')
  })
}

function policyFindings(registry: string, { name, metadata }: Project): readonly Finding[] {
  return [
    ...(metadata['prevent_vul'] === 'true' ? [vulnerable(registry, name, metadata['severity'] ?? 'low')] : []),
    ...(['enable_content_trust', 'enable_content_trust_cosign'].some((key) => metadata[key] === 'true')
      ? [note('pull-policy', registry, name, 'only signed images can be pulled from it', 'signatures are carried along (referrers); what is not signed at the source cannot be pulled here')] : []),
  ]
}

function vulnerable(registry: string, project: string, severity: string): Finding {
  return note('pull-policy', registry, project, `images with findings of severity ${severity} or above, and images that were not scanned, cannot be pulled from it`, 'let Harbor scan what was moved (autoScan) before clusters pull')
}

function settingFindings(registry: string, { name, metadata }: Project, wanted: ProjectSettings): readonly Finding[] {
  const pairs = [['public', 'public', String(wanted.public)], ['autoScan', 'auto_scan', flag(wanted.autoScan)], ['autoSbom', 'auto_sbom_generation', flag(wanted.autoSbom)]] as const
  const differing = pairs.filter(([, key, value]) => value !== undefined && (metadata[key] ?? 'false') !== value).map(([word, key, value]) => `${word} is ${metadata[key] ?? 'false'}, not ${value}`)
  return differing.length === 0 ? [] : [note('settings-differ', registry, name, `it is there already, and otherwise than the spec says: ${differing.join(', ')}`, 'it is left as it is')]
}

function flag(value: boolean | undefined): string | undefined { return value === undefined ? undefined : String(value) }

function size(bytes: number): string {
  const [unit, one] = ([['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const).find(([, least]) => bytes >= least) ?? ['B', 1]
  return `${Math.round(bytes / one * 10) / 10} ${unit}`
}
