// What is asked before any content is read: somewhere to mount from, whether the blob is there, a session to upload in. The last
// two are one request: a mount of the repository from itself is answered 201 where the blob is there, and 202 with a session else.
// A registry without mounts says 202 either way; only there a HEAD has to tell (`Capabilities.selfMount`).
import { RegistryError, type RepositoryName } from '@longshore/oci'
import { pushScope } from './scope.ts'
import { blobExists, cancel, mount, type Placement, type Session } from './upload.ts'

/** Larger bodies in a POST are a waste where the registry turns out not to take them. Up to this, a HEAD costs what sending does. */
export const singlePostBytes = 64 * 1024

/**
 * `undefined`: nothing is there, and no session either. `mayExist` false is no proof of absence, a repository without tags may
 * hold blobs; it only means that no request is spent on the question.
 */
export async function begin(
  to: Placement, mountFrom: readonly RepositoryName[], mayExist: boolean,
): Promise<'mounted' | 'existed' | Session | undefined> {
  const { host: { capabilities }, repository, desc } = to
  const isLarge = desc.size < 0 || desc.size > singlePostBytes
  let isRefused = false
  for (const from of mountFrom) {
    if (capabilities.mount === 'no') break
    const outcome = await mount(to, from)
    if (outcome === 'mounted') return 'mounted'
    // The session will do: what one repository did not give, the next rarely does, and each would leave a session lying about.
    if (outcome) return mayExist ? await unlessThere(to, outcome) : outcome
    isRefused = true
  }
  if ((mayExist || isLarge) && capabilities.maySelfMount(repository)) {
    const outcome = await mount(to, repository)
    if (outcome === 'mounted') return 'existed'
    if (outcome) {
      if (!mayExist || capabilities.selfMount === 'yes' || !(isLarge || isRefused)) return outcome
      const found = await unlessThere(to, outcome)
      if (found === 'existed') capabilities.selfMountMissed()
      return found
    }
  }
  return mayExist && await blobExists(to, pushScope) ? 'existed' : undefined
}

/** The session, unless a HEAD finds the blob. A registry that refuses to say gets the upload. */
async function unlessThere(to: Placement, session: Session): Promise<'existed' | Session> {
  try {
    if (!await blobExists(to, pushScope)) return session
  } catch (error) {
    if (error instanceof RegistryError) return session
    await cancel(to, session, false)
    throw error
  }
  await cancel(to, session, false)
  return 'existed'
}
