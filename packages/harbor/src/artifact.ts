import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { count, flag, id, listOf, text, time } from './fields.ts'
import { type Harbor, repositorySegment, segment } from './harbor.ts'
import { label } from './label.ts'

const tag = z.object({ id, name: z.string(), push_time: time, pull_time: time, immutable: flag })
const accessory = z.object({
  id, digest: z.string(),
  /** `signature.cosign`, `signature.notation`, `sbom.harbor`, `accelerator.nydus`, `accessory.base`, … */
  type: text,
  artifact_id: count, subject_artifact_id: count, subject_artifact_digest: text, size: count,
})
const artifact = z.object({
  id, digest: z.string(),
  /** `IMAGE`, `CHART`, `SBOM`, … */
  type: text,
  media_type: text, manifest_media_type: text, artifact_type: text, repository_name: text, size: count, push_time: time, pull_time: time,
  tags: listOf(tag), labels: listOf(label), accessories: listOf(accessory),
  /** Children of an index. */
  references: listOf(z.object({ child_digest: z.string(), child_id: count })),
})
export type Artifact = z.output<typeof artifact>
export type ArtifactTag = z.output<typeof tag>
export type Accessory = z.output<typeof accessory>

export interface ArtifactFilter {
  /** Harbor's own filter, such as `tags=nil` or `push_time=[2024-01-01~]`: `q` of the API. */
  readonly q?: string
  readonly withTag?: boolean
  readonly withLabel?: boolean
  /** Signatures, SBOMs and the like, each with its artifact. */
  readonly withAccessory?: boolean
  readonly withImmutableStatus?: boolean
  /** Such as `-push_time`. */
  readonly sort?: string
}

/** Accessories are not among them, but beside what they belong to. */
export function listArtifacts(harbor: Harbor, project: string, repository: string, filter: ArtifactFilter, io: Io): AsyncGenerator<Artifact, void, void> {
  const { q, withTag, withLabel, withAccessory, withImmutableStatus, sort } = filter
  return harbor.list({
    path: `${pathOf(project, repository)}/artifacts`, project, need: { permission: 'artifact: list', level: 'project' },
    query: { q, with_tag: withTag, with_label: withLabel, with_accessory: withAccessory, with_immutable_status: withImmutableStatus, sort },
  }, artifact, io)
}

/** `reference`: a tag or a digest. */
export async function findArtifact(harbor: Harbor, project: string, repository: string, reference: string, filter: Pick<ArtifactFilter, 'withTag' | 'withLabel' | 'withAccessory' | 'withImmutableStatus'>, io: Io): Promise<Artifact | undefined> {
  const { withTag, withLabel, withAccessory, withImmutableStatus } = filter
  return await harbor.find({
    path: `${pathOf(project, repository)}/artifacts/${segment(reference)}`, project, need: { permission: 'artifact: read', level: 'project' },
    query: { with_tag: withTag, with_label: withLabel, with_accessory: withAccessory, with_immutable_status: withImmutableStatus },
  }, artifact, io)
}

export function listAccessories(harbor: Harbor, project: string, repository: string, reference: string, io: Io): AsyncGenerator<Accessory, void, void> {
  return harbor.list({ path: `${pathOf(project, repository)}/artifacts/${segment(reference)}/accessories`, project, need: { permission: 'accessory: list', level: 'project' } }, accessory, io)
}

export function listArtifactTags(harbor: Harbor, project: string, repository: string, reference: string, io: Io): AsyncGenerator<ArtifactTag, void, void> {
  return harbor.list({ path: `${pathOf(project, repository)}/artifacts/${segment(reference)}/tags`, project, query: { with_immutable_status: true }, need: { permission: 'tag: list', level: 'project' } }, tag, io)
}

function pathOf(project: string, repository: string): string { return `/projects/${segment(project)}/repositories/${repositorySegment(repository)}` }
