// Under which names a policy may speak of an image, the most specific first: containers-policy.json(5), "Supported transports and their scopes".
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Endpoint, placeOf } from '@longshore/oci'
import { dockerNameOf, formatDockerName } from './docker-name.ts'

export type ImagePlace = Pick<Endpoint, 'transport' | 'registry' | 'repository' | 'reference'>

/** Without the default `""` of the transport. `undefined`: the scopes of this transport cannot be told here. */
export async function scopesOf(image: ImagePlace): Promise<readonly string[] | undefined> {
  switch (image.transport) {
    case 'docker':
    case 'docker-daemon': {
      const name = dockerNameOf(image)
      return name === undefined ? [] : [formatDockerName(name), ...dockerNamespaces(name.name)]
    }
    case 'dir': return pathScopes(await resolved(image.repository === '' ? placeOf(image.registry) : `${placeOf(image.registry)}/${nameIn(image)}`))
    case 'oci':
    case 'oci-archive': {
      const path = await resolved(placeOf(image.registry))
      return [`${path}:${image.reference ?? ''}`, ...pathScopes(path)]
    }
    case 'registry-storage': {
      const path = await resolved(placeOf(image.registry))
      return [`${path}:${nameIn(image)}`, `${path}:${image.repository}`, ...pathScopes(path)]
    }
    // Upstream has none for these either.
    case 'docker-archive':
    case 'tarball': return []
    // `[driver@graphroot+runroot]name`: only the store itself knows.
    case 'containers-storage': return undefined
  }
}

/** A repository, what it is in, its host; then `*.` in place of the host's first labels. */
export function dockerNamespaces(name: string): readonly string[] {
  const scopes = [name]
  for (let slash = name.lastIndexOf('/'); slash >= 0; slash = name.lastIndexOf('/', slash - 1)) {
    scopes.push(name.slice(0, slash))
    if (slash === 0) break
  }
  let host = (scopes.at(-1) ?? '').replace(/:[0-9]*$/, '')
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.')) {
    host = host.slice(dot + 1)
    scopes.push(`*.${host}`)
  }
  return scopes
}

function nameIn({ repository, reference }: ImagePlace): string {
  return reference === undefined || reference === '' ? repository : `${repository}${reference.includes(':') ? '@' : ':'}${reference}`
}

function pathScopes(path: string): readonly string[] {
  const scopes: string[] = []
  for (let at = path; at !== '/'; at = dirname(at)) scopes.push(at)
  return scopes
}

async function resolved(path: string): Promise<string> {
  return await realpath(path).catch(() => path)
}
