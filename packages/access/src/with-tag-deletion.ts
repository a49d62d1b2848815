// A registry's client as a target that deletes tags where the registry itself does not: a Harbor does so by its API, and knows which of them it would not let go.
import type { TagDeletion } from '@longshore/harbor'
import type { RepositoryName, Tag } from '@longshore/oci'
import type { Registry } from '@longshore/registry'
import type { Io, Target } from '@longshore/transfer'
import { foundOnce, perClient } from './per-client.ts'

interface Tags {
  remove(repository: RepositoryName, tag: Tag, io: Io): Promise<TagDeletion>
  isImmutable(repository: RepositoryName, tag: Tag, io: Io): Promise<boolean>
}

/** The same one for the same client: what it is is found out once, when the first tag is to go. */
export const withTagDeletion = perClient((client): Target => {
  const api = foundOnce((io) => lookFor(client, io))
  return {
    ...client,
    untag: async (repository, tag, io) => {
      const tags = await api(io)
      // A Harbor's /v2/ would refuse, or demand the right to delete whole repositories.
      return tags ? await tags.remove(repository, tag, io) : await client.untag(repository, tag, io)
    },
    holds: async (repository, tag, io) => (await (await api(io))?.isImmutable(repository, tag, io) === true ? 'an immutability rule of its project keeps it (Policy › Tag Immutability)' : undefined),
  }
})

/** `undefined`: no Harbor answers there. */
async function lookFor(client: Registry, io: Io): Promise<Tags | undefined> {
  // Few runs delete.
  const { deleteTag, discover, Harbor, isImmutableTag } = await import('@longshore/harbor')
  const harbor = new Harbor(client)
  if (!await discover(harbor, io)) return undefined
  return {
    remove: async (repository, tag, at) => await deleteTag(harbor, ...split(repository), tag, at),
    isImmutable: async (repository, tag, at) => await isImmutableTag(harbor, ...split(repository), tag, at),
  }
}

function split(repository: RepositoryName): readonly [project: string, rest: string] {
  const slash = repository.indexOf('/')
  return [repository.slice(0, Math.max(0, slash)), repository.slice(slash + 1)]
}
