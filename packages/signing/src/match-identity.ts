// Whether what a signature claims to be is what was asked for: containers-policy.json(5), "signedIdentity".
import { type DockerName, formatDockerName, isNameOnly, parseDockerName } from './docker-name.ts'
import type { IdentityMatch } from './policy-schema.ts'

/** @param intended `undefined` where the transport gives an image no such identity */
export function matchesIdentity(match: IdentityMatch, intended: DockerName | undefined, claimed: string): boolean {
  let signed: DockerName
  try {
    signed = parseDockerName(claimed)
  } catch {
    return false
  }
  switch (match.type) {
    case 'matchExact': return intended !== undefined && isSame(intended, signed)
    case 'matchRepoDigestOrExact': return intended !== undefined && matchesRepoDigestOrExact(intended, signed)
    case 'matchRepository': return intended?.name === signed.name
    case 'exactReference': return isSame(parseDockerName(match.dockerReference), signed)
    case 'exactRepository': return parseDockerName(match.dockerRepository).name === signed.name
    case 'remapIdentity': return intended !== undefined && matchesRepoDigestOrExact(remapped(intended, match), signed)
  }
}

function isSame(intended: DockerName, signed: DockerName): boolean {
  return !isNameOnly(intended) && !isNameOnly(signed) && formatDockerName(intended) === formatDockerName(signed)
}

/** The digest itself is compared with the manifest elsewhere. */
function matchesRepoDigestOrExact(intended: DockerName, signed: DockerName): boolean {
  if (isNameOnly(signed)) return false
  return intended.tag === undefined && intended.digest !== undefined ? intended.name === signed.name : isSame(intended, signed)
}

function remapped(intended: DockerName, { prefix, signedPrefix }: Extract<IdentityMatch, { type: 'remapIdentity' }>): DockerName {
  if (intended.name !== prefix && !intended.name.startsWith(`${prefix}/`)) return intended
  // What comes out has to be a name in its full form, or it is none.
  const text = formatDockerName({ ...intended, name: signedPrefix + intended.name.slice(prefix.length) })
  const name = parseDockerName(text)
  return formatDockerName(name) === text ? name : { name: '' }
}
