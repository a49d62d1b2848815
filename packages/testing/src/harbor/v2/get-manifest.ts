import { artifactNotFound, type Call } from '../call.ts'
import { artifactIn, isDigestLike } from '../harbor-state.ts'
import { checkSigned, checkVulnerable } from '../pull-policy.ts'
import { relay } from './registry-behind.ts'

/** What the database knows is asked for by its digest. @throws HarborRefusal 404; 412 where the project's policy has it so */
export async function getManifest(call: Call, name: string, reference: string): Promise<void> {
  const { state, harbor, request, response, log } = call
  const repository = state.repositories.get(name)
  const artifact = repository && artifactIn(repository, reference)
  if (!repository || !artifact) throw artifactNotFound(name, reference)
  const project = state.projectOf(name)
  if (project) {
    checkSigned(project, repository, artifact)
    checkVulnerable(project, artifact)
  }
  const etag = request.headers['if-none-match']
  if (etag === artifact.digest || etag === `"${artifact.digest}"`) {
    log.status = 304
    response.writeHead(304).end()
    return
  }
  const answer = await harbor.behind.forward(call, { path: `/v2/${name}/manifests/${artifact.digest}` })
  if (request.method === 'GET' && answer.statusCode === 200) {
    repository.pullCount++
    artifact.pulledAt = Date.now()
    const tag = isDigestLike(reference) ? undefined : repository.tags.get(reference)
    if (tag) tag.pulledAt = Date.now()
    if (project) harbor.webhooks.fire({ type: 'PULL_ARTIFACT', project, repository, digest: artifact.digest, tags: tag ? [tag.name] : [], operator: call.security.name })
  }
  await relay(call, answer)
}
