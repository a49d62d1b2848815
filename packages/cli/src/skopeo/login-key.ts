// What login and logout are told: `host[:port][/namespace…]`.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type AuthStoreOptions, registryOfKey } from '@longshore/credentials'
import { InvalidReferenceError, splitReference } from '@longshore/oci'
import type { StoreFlags } from '../skopeo-flags.ts'
import type { SkopeoContext } from './command.ts'
import { goQuote } from './go-words.ts'
import { SkopeoError } from './skopeo-error.ts'

export interface LoginKey { readonly key: string; readonly registry: string; readonly namespace: string | undefined }

/** @throws SkopeoError */
export function parseLoginKey(text: string): LoginKey {
  const isUrl = /^https?:\/\//.test(text)
  // Of a URL only the host counts.
  const key = isUrl ? text.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '' : text.replace(/\/+$/, '')
  const slash = key.indexOf('/')
  const namespace = slash < 0 ? undefined : key.slice(slash + 1)
  try {
    const { tag, digest } = splitReference(namespace === undefined ? `${key}/any` : key.includes('.') || key.includes(':') || key.startsWith('localhost/') ? key : `x.${key}`)
    if (tag !== undefined || digest !== undefined) throw new SkopeoError(`reference ${goQuote(key)} contains tag or digest`)
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    throw new SkopeoError(`parse reference from ${goQuote(key)}: invalid reference format`, 'SKOPEO_FAILED', { cause: error })
  }
  return { key, registry: registryOfKey(key), namespace }
}

/** @param mustExist a file that is named has to be there. @throws SkopeoError */
export function storeOptions({ authfile, compatAuthFile }: StoreFlags, { config }: SkopeoContext, mustExist: boolean): AuthStoreOptions {
  if (authfile !== undefined && compatAuthFile !== undefined) {
    throw new SkopeoError('options for paths to the credential file and to the Docker-compatible credential file can not be set simultaneously')
  }
  if (mustExist && authfile !== undefined && !existsSync(authfile)) throw new SkopeoError(`checking authfile: stat ${authfile}: no such file or directory`)
  const { env, home, uid, platform } = config
  return {
    env, home, uid, platform, ...(authfile === undefined ? {} : { authFile: resolve(authfile) }),
    ...(compatAuthFile === undefined ? {} : { dockerFile: resolve(compatAuthFile) }),
  }
}
