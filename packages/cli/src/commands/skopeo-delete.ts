// `delete`: the manifest that a tag or a digest names, and with it every tag that names the same manifest.
import { type Endpoint, RegistryError, type Tag } from '@longshore/oci'
import type { SkopeoContext } from '../skopeo/command.ts'
import { goWords } from '../skopeo/go-words.ts'
import { dockerName, openRegistry, parseImageName } from '../skopeo/open-image.ts'
import { withRetries } from '../skopeo/retry.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import type { GlobalFlags, ImageFlags, RetryFlags } from '../skopeo-flags.ts'

/** @throws SkopeoError */
export async function deleteCommand(args: readonly string[], flags: GlobalFlags & ImageFlags & RetryFlags, context: SkopeoContext): Promise<void> {
  const [name] = args
  if (name === undefined || args.length !== 1) throw new SkopeoError('Usage: delete imageReference')
  const endpoint = parse(name)
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

function parse(name: string): Endpoint {
  try {
    return parseImageName(name)
  } catch (error) {
    if (!(error instanceof SkopeoError)) throw error
    throw new SkopeoError(`Invalid source name ${name}: ${error.message}`, 'SKOPEO_FAILED', { cause: error })
  }
}
