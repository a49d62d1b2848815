// https://github.com/goharbor/harbor/blob/v2.12.0/src/controller/artifact/controller.go, deleteDeeply
import type { Call } from './call.ts'
import { HarborRefusal, precondition } from './harbor-error.ts'
import { accessoriesOf, tagsOn } from './harbor-state.ts'
import { isImmutable } from './immutable.ts'
import type { Artifact, Project, Repository, Tag } from './model.ts'

/** With its tags, its accessories, and the children that nothing else wants. Nothing is deleted where something may not be. @throws HarborRefusal 412 */
export async function deleteArtifact(call: Call, project: Project, repository: Repository, artifact: Artifact): Promise<void> {
  const doomed: Artifact[] = []
  checkUnlisted(repository, artifact)
  gather(repository, artifact, doomed)
  const tags = doomed.flatMap((one) => tagsOn(repository, one.digest))
  for (const tag of tags) checkTagDeletable(call, project, repository, tag)
  const names = tagsOn(repository, artifact.digest).map(({ name }) => name)
  for (const tag of tags) repository.tags.delete(tag.name)
  for (const one of doomed) {
    repository.accessories.delete(one.digest)
    repository.artifacts.delete(one.digest)
  }
  forgetBlobs(call, project, doomed)
  for (const one of doomed) await call.harbor.behind.send('DELETE', `/v2/${repository.name}/manifests/${one.digest}`)
  call.harbor.webhooks.fire({ type: 'DELETE_ARTIFACT', project, repository, digest: artifact.digest, tags: names, operator: call.security.name })
}

/** @throws HarborRefusal 412 */
export function checkTagDeletable({ state }: Call, project: Project, repository: Repository, tag: Tag): void {
  if (isImmutable(state, project, repository.name, tag.name)) throw precondition(`the tag ${tag.name} configured as immutable, cannot be deleted`)
}

/** @throws HarborRefusal 412 where an index lists it */
function checkUnlisted(repository: Repository, artifact: Artifact): void {
  if (parentsOf(repository, artifact).length > 0) {
    throw new HarborRefusal('VIOLATE_FOREIGN_KEY_CONSTRAINT', 'the deleting artifact is referenced by others')
  }
}

function parentsOf(repository: Repository, { digest }: Artifact): readonly Artifact[] {
  return [...repository.artifacts.values()].filter((parent) => parent.references.some((reference) => reference.digest === digest))
}

function gather(repository: Repository, artifact: Artifact, doomed: Artifact[]): void {
  if (doomed.includes(artifact)) return
  doomed.push(artifact)
  for (const accessory of accessoriesOf(repository, artifact.digest)) {
    const found = repository.artifacts.get(accessory.digest)
    if (!found) continue
    // That of the fallback tag lists them: with it, a signed image cannot be deleted.
    checkUnlisted(repository, found)
    gather(repository, found, doomed)
  }
  for (const { digest } of artifact.references) {
    const child = repository.artifacts.get(digest)
    if (child && tagsOn(repository, digest).length === 0 && parentsOf(repository, child).every((parent) => doomed.includes(parent))) gather(repository, child, doomed)
  }
}

/** What no other artifact of the project has no longer counts. */
function forgetBlobs({ state }: Call, project: Project, doomed: readonly Artifact[]): void {
  const kept = new Set(state.repositoriesOf(project).flatMap((repository) => [...repository.artifacts.values()]).flatMap((artifact) => [...artifact.blobs.keys()]))
  for (const blob of doomed.flatMap((artifact) => [...artifact.blobs.keys()])) if (!kept.has(blob)) project.blobs.delete(blob)
}
