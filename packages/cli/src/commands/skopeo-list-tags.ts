// `list-tags`: the tags of a repository, or the names in a docker-archive.
import { marshal } from '../go-template/json.ts'
import { GoStruct, strings } from '../go-template/value.ts'
import type { SkopeoContext } from '../skopeo/command.ts'
import { during } from '../skopeo/go-words.ts'
import { dockerName, openSource, parseImageName } from '../skopeo/open-image.ts'
import { withRetries } from '../skopeo/retry.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { write } from '../skopeo/write.ts'
import type { GlobalFlags, ImageFlags, RetryFlags } from '../skopeo-flags.ts'

const known = /^(?:docker|dir|oci|oci-archive|docker-archive|docker-daemon|containers-storage|registry-storage|tarball|ostree|atomic|sif)$/

/** @throws SkopeoError */
export async function listTagsCommand(args: readonly string[], flags: GlobalFlags & ImageFlags & RetryFlags, context: SkopeoContext): Promise<void> {
  const [name] = args
  if (name === undefined || args.length !== 1) throw new SkopeoError('Exactly one non-option argument expected')
  const transport = name.slice(0, Math.max(0, name.indexOf(':')))
  if (!known.test(transport)) throw new SkopeoError(`Invalid "${name}": does not specify a transport`)
  if (transport !== 'docker' && transport !== 'docker-archive') throw new SkopeoError(`Unsupported transport '${transport}' for tag listing. Only supported: docker, docker-archive`)
  const endpoint = parseImageName(name)
  if (transport === 'docker' && endpoint.reference !== undefined) throw new SkopeoError('No tag or digest allowed in reference')
  await using opened = await openSource(endpoint, flags, context)
  const tags = await list()
  await write(`${marshal(new GoStruct('tagListOutput', [
    { name: 'RepositoryName', json: 'Repository', omitEmpty: true, value: transport === 'docker' ? dockerName(endpoint) : '' },
    { name: 'Tags', json: 'Tags', value: strings(tags) },
  ]))}\n`)

  async function list(): Promise<readonly string[]> {
    const attempt = transport === 'docker' ? 'Error listing repository tags: fetching tags list' : 'Error listing the archive\'s images'
    let found: readonly string[] | undefined
    try {
      found = await withRetries(() => opened.source.tags(endpoint.repository, { signal: context.signal }), flags, context)
    } catch (error) {
      context.signal.throwIfAborted()
      throw during(attempt, error)
    }
    if (!found) throw new SkopeoError(`${attempt}: invalid status code from registry 404 (Not Found)`, 'IMAGE_UNKNOWN')
    return found
  }
}
