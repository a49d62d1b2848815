// What Harbor's own tidying up would make of the images that come.
import { retentionOf, type Project, type RetentionPolicy } from '@longshore/harbor'
import type { Io } from '@longshore/transfer'
import { type Finding, note } from './finding.ts'
import type { HarborSite } from './harbor-site.ts'
import { type Fate, fatesOf, type Kept } from './retention.ts'

const shownTags = 5

const words: Readonly<Record<Fate, string>> = {
  unretained: 'no rule retains', beyond: 'only the latest few are retained of', unpulled: 'only what was pulled lately is retained, as nobody has yet', later: 'only for some days after the push are retained',
}

/** @throws HarborError HARBOR_FORBIDDEN where the account may not see the policy */
export async function retentionFindings(site: HarborSite, project: Project, images: readonly Kept[], io: Io): Promise<readonly Finding[]> {
  const policy = await retentionOf(site.harbor, project, io)
  if (!policy) return []
  const fates = fatesOf(policy, images)
  if (fates.size === 0) return []
  const told = [...Map.groupBy(fates, ([, fate]) => fate)].map(([fate, held]) => {
    const names = held.slice(0, shownTags).map(([{ repository, tag }]) => `${project.name}/${repository}:${tag}`).join(', ')
    return `${words[fate]} ${names}${held.length > shownTags ? ` and ${held.length - shownTags} more` : ''}`
  })
  return [note('retention', site.registry, project.name, `its tag retention policy (${describeTrigger(policy)}) does not keep all of what is to be there: ${told.join('; ')}`,
    'add a rule that retains them (Policy › Tag Retention), or disable the rules until clusters have pulled')]
}

function describeTrigger({ trigger }: RetentionPolicy): string {
  const cron = trigger?.settings['cron']
  return typeof cron === 'string' && cron !== '' ? `schedule ${cron}` : 'run by hand'
}
