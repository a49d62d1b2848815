import { digestOf, isDigest, maxManifestBytes } from '@longshore/oci'
import { accessoryOf } from '../accessory.ts'
import { ensureArtifact, ensureRepository, ensureTag, readManifest } from '../artifact.ts'
import type { Call } from '../call.ts'
import { HarborRefusal } from '../harbor-error.ts'
import { isImmutable } from '../immutable.ts'
import { missingBytes, withRoom } from '../quota.ts'
import { projectToPushTo } from './blobs.ts'
import { relay } from './registry-behind.ts'

/** @throws HarborRefusal 403 into a proxy cache and beyond the quota, 412 over an immutable tag, 400 for what is no manifest */
export async function putManifest(call: Call, name: string, reference: string): Promise<void> {
  const { state, harbor, request, security } = call
  const project = projectToPushTo(call, name)
  const isTag = !isDigest(reference)
  const before = state.repositories.get(name)
  // The first push of a tag is free, each later one is refused: that with the same content too.
  if (isTag && before?.tags.has(reference) === true && isImmutable(state, project, name, reference)) {
    const short = name.slice(project.name.length + 1)
    throw new HarborRefusal('PRECONDITION', `Failed to process request due to '${short}:${reference}' configured as immutable.`)
  }
  const bytes = await bodyOf(call)
  const manifest = readManifest(bytes, request.headers['content-type'] ?? '')
  const digest = isTag ? digestOf(bytes) : reference
  const room = project.blobs.has(digest) ? 0 : missingBytes(project, manifest.blobs) + bytes.byteLength
  await withRoom(state, project, room, async () => {
    const answer = await harbor.behind.forward(call, { body: bytes })
    if (answer.statusCode !== 201) {
      await relay(call, answer)
      return
    }
    const repository = ensureRepository(state, project, name)
    const artifact = ensureArtifact(state, project, repository, digest, bytes, manifest)
    if (isTag) ensureTag(state, repository, artifact, reference)
    const accessory = accessoryOf(artifact, manifest, isTag ? reference : undefined)
    if (accessory) repository.accessories.set(artifact.digest, { id: repository.accessories.get(artifact.digest)?.id ?? state.nextId('accessory'), createdAt: Date.now(), ...accessory })
    harbor.webhooks.fire({ type: 'PUSH_ARTIFACT', project, repository, digest: artifact.digest, tags: isTag ? [reference] : [], operator: security.name })
    await relay(call, answer, manifest.subject === undefined ? {} : { 'oci-subject': manifest.subject })
  })
}

async function bodyOf({ request, log }: Call): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).byteLength
    if (size > maxManifestBytes) {
      log.bytesIn += size
      throw new HarborRefusal('BAD_REQUEST', `http: request body too large`)
    }
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

