// `delete`: in a registry the manifest that a tag or a digest names, and with it every tag that names the same manifest; in an OCI layout and in
// the engine's store a name, and what nothing else needs.
import type { DeletableLayout } from '@longshore/layouts'
import { type Endpoint, RegistryError, type Tag } from '@longshore/oci'
import type { SkopeoContext } from '../skopeo/command.ts'
import { during, goWords } from '../skopeo/go-words.ts'
import { dockerName, openFlaggedPlace, openRegistry, parseImageName } from '../skopeo/open-image.ts'
import { withRetries } from '../skopeo/retry.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import type { GlobalFlags, ImageFlags, RetryFlags } from '../skopeo-flags.ts'

/** @throws SkopeoError */
export async function deleteCommand(args: readonly string[], flags: GlobalFlags & ImageFlags & RetryFlags, context: SkopeoContext): Promise<void> {
  const [name] = args
  if (name === undefined || args.length !== 1) throw new SkopeoError('Usage: delete imageReference')
  const endpoint = parse(name)
  if (endpoint.transport === 'oci' || endpoint.transport === 'containers-storage') return await deleteFromPlace(endpoint, flags, context)
  // An archive is a layout in a file, and called so.
  if (endpoint.transport !== 'docker') throw new SkopeoError(`Deleting images not implemented for ${endpoint.transport === 'oci-archive' ? 'oci' : endpoint.transport}: images`)
  await using opened = await openRegistry(endpoint, flags, context)
  const { registry } = opened
  const { signal } = context
  const reference = endpoint.reference ?? ('latest' as Tag)
  const image = `${dockerName(endpoint)}${reference.includes(':') ? '@' : ':'}${reference}`
  try {
    const isGone = await withRetries(async () => {
      const manifest = await registry.manifest(endpoint.repository, reference, { signal })
      return manifest !== undefined && await registry.remove(endpoint.repository, manifest.digest, { signal })
    }, flags, context)
    if (!isGone) throw new SkopeoError(`Unable to delete ${image}. Image may not exist or is not stored with a v2 Schema in a v2 registry`, 'IMAGE_UNKNOWN')
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof SkopeoError) throw error
    const status = error instanceof RegistryError ? ` (${error.status})` : ''
    throw new SkopeoError(`Failed to delete ${image}: ${goWords(error)}${status}`, 'SKOPEO_FAILED', { cause: error })
  }
}

/** @throws SkopeoError */
async function deleteFromPlace(endpoint: Endpoint, flags: GlobalFlags & ImageFlags, context: SkopeoContext): Promise<void> {
  const { signal } = context
  const { repository, reference = '' as Tag, text } = endpoint
  try {
    // For reading first: nothing is made where nothing is.
    await using source = await openFlaggedPlace(endpoint, flags, context, true)
    if (await source.resolve(repository, reference, { signal }) === undefined) throw new SkopeoError('there is no such image', 'IMAGE_UNKNOWN')
    await using place = await openFlaggedPlace(endpoint, flags, context, false)
    if (!('deleteReference' in place)) throw new SkopeoError(`${endpoint.transport}: images cannot be deleted`)
    if (!await (place as DeletableLayout).deleteReference(repository, reference as Tag, { signal })) throw new SkopeoError('there is no such image', 'IMAGE_UNKNOWN')
  } catch (error) {
    signal.throwIfAborted()
    throw during(`Unable to delete ${text}`, error)
  }
}

function parse(name: string): Endpoint {
  try {
    return parseImageName(name)
  } catch (error) {
    if (!(error instanceof SkopeoError)) throw error
    throw new SkopeoError(`Invalid source name ${name}: ${error.message}`, 'SKOPEO_FAILED', { cause: error })
  }
}
