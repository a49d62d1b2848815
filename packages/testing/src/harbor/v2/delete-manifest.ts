import { isDigest } from '@longshore/oci'
import { artifactNotFound, type Call } from '../call.ts'
import { deleteArtifact } from '../delete-artifact.ts'
import { HarborRefusal } from '../harbor-error.ts'

/** By digest alone. @throws HarborRefusal 400 for a tag, 404, 412 */
export async function deleteManifest(call: Call, name: string, reference: string): Promise<void> {
  if (!isDigest(reference)) throw new HarborRefusal('UNSUPPORTED', `unsupported digest ${reference}: invalid checksum digest format`)
  const { state, response, log } = call
  const repository = state.repositories.get(name)
  const artifact = repository?.artifacts.get(reference)
  const project = state.projectOf(name)
  if (!repository || !artifact || !project) throw artifactNotFound(name, reference)
  await deleteArtifact(call, project, repository, artifact)
  log.status = 202
  response.writeHead(202, { 'content-length': '0', 'docker-distribution-api-version': 'registry/2.0' }).end()
}
