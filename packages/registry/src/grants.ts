// What a token allows, as far as it can be read: registries whose token service follows distribution's specification list it in the
// token itself (JSON Web Token, claim `access`). https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/auth/jwt.md

/** Go writes an empty list as `null`. */
interface Access { readonly type: string; readonly name: string; readonly actions: readonly string[] | null }

/** Whether the header's token allows to push there; `undefined`: it cannot be told. */
export function mayPush(header: string | undefined, repository: string): boolean | undefined {
  const actions = grantedActions(header, repository)
  return actions && (actions.has('push') || actions.has('*'))
}

/** The actions that the header's token grants on a repository; `undefined` where it is opaque, or no token at all. */
function grantedActions(header: string | undefined, repository: string): ReadonlySet<string> | undefined {
  const payload = /^Bearer [\w-]+\.([\w-]+)\.[\w-]*$/.exec(header ?? '')?.[1]
  if (payload === undefined) return undefined
  let access: unknown
  try {
    access = (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>)['access']
  } catch {
    return undefined
  }
  if (access === null) return new Set()
  if (!Array.isArray(access) || !access.every(isAccess)) return undefined
  return new Set(access.filter(({ type, name }) => type === 'repository' && name === repository).flatMap(({ actions }) => actions ?? []))
}

function isAccess(value: unknown): value is Access {
  if (typeof value !== 'object' || value === null) return false
  const { type, name, actions } = value as Record<string, unknown>
  return typeof type === 'string' && typeof name === 'string' && (actions === null || (Array.isArray(actions) && actions.every((action) => typeof action === 'string')))
}
