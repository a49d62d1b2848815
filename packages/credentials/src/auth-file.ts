import { readFile } from 'node:fs/promises'
import type { Credentials } from './credentials.ts'
import { InvalidCredentialsError, systemCode } from './errors.ts'
import { findJsonError } from './json-position.ts'
import { canonicalKey } from './registry-key.ts'

/** One of the files that `docker login`, `podman login` and `skopeo login` write, with canonical keys. */
export interface AuthFile {
  readonly path: string
  /** Keys that are there; the value is undefined for the empty entry that Docker leaves when a helper holds the secret. */
  readonly auths: ReadonlyMap<string, Credentials | undefined>
  readonly credHelpers: ReadonlyMap<string, Helper>
  readonly credsStore?: string
}

/** `key` as written in the file: the helper knows the registry by that name. */
export interface Helper { readonly suffix: string; readonly key: string }

type Json = Readonly<Record<string, unknown>>

/** `legacy` is `~/.dockercfg`: the auths at the top level. @returns undefined when there is no such file. @throws InvalidCredentialsError */
export async function readAuthFile(path: string, legacy = false): Promise<AuthFile | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new InvalidCredentialsError(`the auth file ${path} cannot be read (${code}): correct its permissions, or name another with --authfile`)
  }
  return parseAuthFile(text.replace(/^\ufeff/, ''), path, legacy)
}

/** @throws InvalidCredentialsError */
export function parseAuthFile(text: string, path: string, legacy: boolean): AuthFile {
  // podman creates its file empty, and then fills it.
  if (text.trim() === '') return { path, auths: new Map(), credHelpers: new Map() }
  const where = findJsonError(text)
  if (where) throw new InvalidCredentialsError(`the auth file ${path} is not JSON: line ${where.line}, column ${where.column}`)
  const root = objectAt(JSON.parse(text), path, 'the top level')
  const entries = legacy ? root : objectAt(root['auths'] ?? {}, path, '"auths"')
  const helpers = legacy ? {} : objectAt(root['credHelpers'] ?? {}, path, '"credHelpers"')
  const credsStore = legacy ? undefined : stringAt(root, 'credsStore', path, '')
  return {
    path,
    auths: canonical(entries, (key, value) => credentialsIn(objectAt(value, path, `"auths" for ${key}`), path, key)),
    credHelpers: canonical(helpers, (key, value) => {
      if (typeof value !== 'string') throw new InvalidCredentialsError(`the auth file ${path}: "credHelpers" for ${key} has to be a string`)
      return { suffix: value, key }
    }),
    ...(credsStore === undefined ? {} : { credsStore }),
  }
}

/** Where two keys mean the same registry, the one that is spelled canonically holds. */
function canonical<V>(entries: Json, read: (key: string, value: unknown) => V): ReadonlyMap<string, V> {
  const map = new Map<string, V>()
  for (const [key, value] of Object.entries(entries)) {
    const name = canonicalKey(key)
    if (name === key || !map.has(name)) map.set(name, read(key, value))
  }
  return map
}

function credentialsIn(entry: Json, path: string, key: string): Credentials | undefined {
  const registryToken = stringAt(entry, 'registrytoken', path, key)
  if (registryToken !== undefined) return { kind: 'registry-token', token: registryToken }
  const auth = stringAt(entry, 'auth', path, key)
  const username = stringAt(entry, 'username', path, key)
  const pair = auth === undefined ? { username: username ?? '', password: stringAt(entry, 'password', path, key) ?? '' } : decodeAuth(auth, path, key)
  const identityToken = stringAt(entry, 'identitytoken', path, key)
  if (identityToken !== undefined) return identityCredentials(identityToken, pair.username)
  return pair.username === '' && pair.password === '' ? undefined : { kind: 'basic', ...pair }
}

/** A username of `<token>` is Docker's way to say that there is none. */
export function identityCredentials(token: string, username: string): Credentials {
  return { kind: 'identity-token', token, ...(username === '' || username === '<token>' ? {} : { username }) }
}

function decodeAuth(auth: string, path: string, key: string): { username: string; password: string } {
  const broken = (why: string): InvalidCredentialsError =>
    new InvalidCredentialsError(`the auth file ${path}: "auth" for ${key} ${why}; log in to ${key} again to rewrite it`)
  if (!/^[\w+/-]+={0,2}$/.test(auth)) throw broken('is not base64')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(auth, 'base64'))
  } catch {
    throw broken('is not base64 of UTF-8 text')
  }
  const colon = text.indexOf(':')
  if (colon < 0) throw broken('is not base64 of "user:password"')
  // Old Docker clients padded the text with NUL.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

function objectAt(value: unknown, path: string, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new InvalidCredentialsError(`the auth file ${path}: ${what} has to be an object`)
}

/** Empty counts as absent, as Docker leaves out what is empty. */
function stringAt(object: Json, field: string, path: string, key: string): string | undefined {
  const value = object[field]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value.trim() === '' ? undefined : field === 'auth' ? value.trim() : value
  throw new InvalidCredentialsError(`the auth file ${path}: "${field}"${key === '' ? '' : ` for ${key}`} has to be a string`)
}
