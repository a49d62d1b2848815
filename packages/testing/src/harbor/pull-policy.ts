// What a project does not let go. https://github.com/goharbor/harbor/tree/v2.12.0/src/server/middleware/{vulnerable,contenttrust}
import { isIndexType } from '@longshore/oci'
import { HarborRefusal } from './harbor-error.ts'
import { accessoriesOf } from './harbor-state.ts'
import type { Artifact, Project, Repository, Severity } from './model.ts'

/** As Harbor ranks them. */
const ranks: Readonly<Record<Severity, number>> = { None: 0, Unknown: 1, Negligible: 2, Low: 3, Medium: 4, High: 5, Critical: 6 }

function severityOf(project: Project): Severity {
  const word = (project.metadata.get('severity') ?? '').toLowerCase()
  return (Object.keys(ranks) as Severity[]).find((severity) => severity.toLowerCase() === word) ?? 'Unknown'
}

/** @throws HarborRefusal 412 */
export function checkVulnerable(project: Project, artifact: Artifact): void {
  if (project.metadata.get('prevent_vul') !== 'true' || artifact.type !== 'IMAGE') return
  const severity = severityOf(project)
  const policy = `in 'Prevent images with vulnerability severity of "${severity}" or higher from running.'`
  const violation = (message: string): HarborRefusal => new HarborRefusal('PROJECTPOLICYVIOLATION', message)
  if (!artifact.scan) {
    throw violation(`current image without vulnerability scanning cannot be pulled due to configured policy ${policy} To continue with pull, please contact your project administrator for help.`)
  }
  // What an index lists is checked one by one.
  if (isIndexType(artifact.manifestMediaType) || ranks[artifact.scan.severity] < ranks[severity]) return
  const thing = artifact.scan.total > 1 ? 'vulnerabilities' : 'vulnerability'
  throw violation(`current image with ${artifact.scan.total} ${thing} cannot be pulled due to configured policy ${policy} To continue with pull, please contact your project administrator to exempt matched vulnerabilities through configuring the CVE allowlist.`)
}

/** @throws HarborRefusal 412 */
export function checkSigned(project: Project, repository: Repository, artifact: Artifact): void {
  for (const [key, type, tool] of [['enable_content_trust_cosign', 'signature.cosign', 'cosign'], ['enable_content_trust', 'signature.notation', 'notation']] as const) {
    if (project.metadata.get(key) !== 'true' || repository.accessories.has(artifact.digest)) continue
    if (accessoriesOf(repository, artifact.digest).some((accessory) => accessory.type === type)) continue
    throw new HarborRefusal('PROJECTPOLICYVIOLATION', `The image is not signed by ${tool}.`)
  }
}
