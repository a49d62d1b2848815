import type { Call } from '../call.ts'
import { accessoriesOf, tagsOn } from '../harbor-state.ts'
import { isImmutable } from '../immutable.ts'
import type { Accessory, Artifact, Project, Repository, Severity, Tag } from '../model.ts'
import { type Json, present, time } from './json.ts'
import { labelJson } from './labels.ts'

/** Go's zero time, in Harbor's form. */
const never = '0001-01-01T00:00:00.000Z'
const reportType = 'application/vnd.security.vulnerability.report; version=1.1'

/** Neither what an index lists without a tag of its own, nor signatures and the like. */
export function listedArtifacts(repository: Repository): readonly Artifact[] {
  const children = new Set([...repository.artifacts.values()].flatMap((artifact) => artifact.references.map(({ digest }) => digest)))
  const tagged = new Set([...repository.tags.values()].map(({ digest }) => digest))
  return [...repository.artifacts.values()].filter(({ digest }) => !repository.accessories.has(digest) && (tagged.has(digest) || !children.has(digest)))
}

export function artifactJson(call: Call, project: Project, repository: Repository, artifact: Artifact): Json {
  const wants = (name: string, fallback = false): boolean => (call.url.searchParams.get(name) ?? String(fallback)) === 'true'
  const { state } = call
  const tags = tagsOn(repository, artifact.digest).toSorted((a, b) => b.pushedAt - a.pushedAt)
  const accessories = accessoriesOf(repository, artifact.digest)
  return {
    ...(wants('with_accessory') ? { accessories: accessories.length === 0 ? null : accessories.map((accessory) => accessoryJson(repository, accessory)) } : { accessories: null }),
    addition_links: {}, artifact_type: artifact.artifactType, digest: artifact.digest, extra_attrs: {}, icon: '', id: artifact.id,
    labels: wants('with_label') ? [...artifact.labels].flatMap((id) => state.labels.get(id) ?? []).map(labelJson) : null,
    manifest_media_type: artifact.manifestMediaType, media_type: artifact.mediaType, project_id: project.id,
    pull_time: artifact.pulledAt === undefined ? never : time(artifact.pulledAt), push_time: time(artifact.pushedAt),
    references: artifact.references.length === 0 ? null : artifact.references.map(({ digest, platform, annotations }) => present({
      annotations, child_digest: digest, child_id: repository.artifacts.get(digest)?.id, parent_id: artifact.id, platform,
    })),
    repository_id: repository.id, repository_name: repository.name, size: artifact.size,
    tags: wants('with_tag', true) && tags.length > 0 ? tags.map((tag) => tagJson(call, project, repository, tag)) : null,
    type: artifact.type,
    ...(artifact.annotations ? { annotations: artifact.annotations } : {}),
    ...(wants('with_scan_overview') && artifact.scan ? { scan_overview: { [reportType]: scanJson(artifact.scan) } } : {}),
  }
}

function scanJson({ severity, total, fixable, at }: { readonly severity: Severity; readonly total: number; readonly fixable: number; readonly at: number }): Json {
  return {
    complete_percent: 100, duration: 1, end_time: time(at), report_id: '5f62c830-f996-11e9-957f-0242c0a89008', scan_status: 'Success',
    scanner: { name: 'Trivy', vendor: 'Aqua Security', version: 'v0.58.1' }, severity, start_time: time(at),
    summary: { fixable, summary: severity === 'None' ? {} : { [severity]: total }, total },
  }
}

export function tagJson(call: Call, project: Project, repository: Repository, tag: Tag): Json {
  const isAsked = call.url.searchParams.get('with_immutable_status') === 'true'
  return {
    artifact_id: repository.artifacts.get(tag.digest)?.id, id: tag.id, immutable: isAsked && isImmutable(call.state, project, repository.name, tag.name), name: tag.name,
    pull_time: tag.pulledAt === undefined ? never : time(tag.pulledAt), push_time: time(tag.pushedAt), repository_id: repository.id,
  }
}

export function accessoryJson(repository: Repository, accessory: Accessory): Json {
  const { id, subjectDigest, digest, size, type, createdAt } = accessory
  return {
    artifact_id: repository.artifacts.get(digest)?.id, creation_time: time(createdAt), digest, icon: '', id, size,
    subject_artifact_digest: subjectDigest, subject_artifact_id: repository.artifacts.get(subjectDigest)?.id ?? 0, subject_artifact_repo: repository.name, type,
  }
}
