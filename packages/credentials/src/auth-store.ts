// Where logins are kept: one entry of an auth file, or a helper that the file names. What else is in the file stays as it is.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseAuthFile } from './auth-file.ts'
import { InvalidCredentialsError, systemCode } from './errors.ts'
import { tellHelper } from './helper.ts'
import { canonicalHost, canonicalKey, dockerHubKey } from './registry-key.ts'

export interface AuthStoreOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly uid: number
  readonly platform: NodeJS.Platform
  /** `--authfile`; REGISTRY_AUTH_FILE in `env` says the same. */
  readonly authFile?: string
  /** `--compat-auth-file`: a config.json of Docker's, which knows no namespaces and Docker Hub by another name. */
  readonly dockerFile?: string
  readonly helperTimeoutMs?: number
}

export interface AuthStore {
  readonly path: string
  /** `key` is `host[:port][/namespace]`. @returns where it was kept, for a person. @throws InvalidCredentialsError, CredentialHelperError */
  store(key: string, username: string, password: string): Promise<string>
  /** @returns whether there was anything. @throws InvalidCredentialsError, CredentialHelperError */
  remove(key: string): Promise<boolean>
  /** @throws InvalidCredentialsError, CredentialHelperError */
  removeAll(): Promise<void>
}

type Json = Record<string, unknown>

/** containers-auth.json(5): the first place of those that are read. */
export function openAuthStore(options: AuthStoreOptions): AuthStore {
  const path = options.dockerFile ?? options.authFile ?? defaultPath(options)
  const isDockers = options.dockerFile !== undefined
  const { env, helperTimeoutMs: timeoutMs = 30_000 } = options
  const nameOf = (key: string): string => {
    const name = canonicalKey(key)
    return isDockers && name === 'docker.io' ? dockerHubKey : name
  }
  const helper = (root: Json, key: string): { readonly suffix: string; readonly server: string } | undefined => {
    const name = canonicalKey(key)
    // Helpers are asked by host alone.
    if (name.includes('/')) return undefined
    for (const [server, suffix] of Object.entries(section(root, 'credHelpers'))) {
      if (canonicalKey(server) === name && typeof suffix === 'string') return { suffix, server }
    }
    const store = root['credsStore']
    return isDockers && typeof store === 'string' && store !== '' ? { suffix: store, server: nameOf(key) } : undefined
  }
  return {
    path,
    async store(key, username, password) {
      const root = await read(path)
      const told = helper(root, key)
      if (told) {
        await tellHelper('store', JSON.stringify({ ServerURL: told.server, Username: username, Secret: password }), { ...told, file: path, env, timeoutMs })
        return `docker-credential-${told.suffix}`
      }
      const auths = { ...section(root, 'auths') }
      // One registry, one entry, however it was spelled before.
      for (const name of Object.keys(auths)) if (canonicalKey(name) === canonicalKey(key)) delete auths[name]
      auths[nameOf(key)] = { auth: Buffer.from(`${username}:${password}`).toString('base64') }
      await write(path, { ...root, auths: Object.fromEntries(Object.entries(auths).sort(([a], [b]) => (a < b ? -1 : 1))) })
      return path
    },
    async remove(key) {
      const root = await read(path)
      const told = helper(root, key)
      if (told) return await tellHelper('erase', told.server, { ...told, file: path, env, timeoutMs })
      const auths = section(root, 'auths')
      const left = Object.fromEntries(Object.entries(auths).filter(([name]) => canonicalKey(name) !== canonicalKey(key)))
      if (Object.keys(left).length === Object.keys(auths).length) return false
      await write(path, { ...root, auths: left })
      return true
    },
    async removeAll() {
      const root = await read(path)
      for (const [server, suffix] of Object.entries(section(root, 'credHelpers'))) {
        if (typeof suffix === 'string') await tellHelper('erase', server, { suffix, server, file: path, env, timeoutMs })
      }
      const { credHelpers: _, ...rest } = root
      await write(path, { ...rest, auths: {} })
    },
  }
}

function defaultPath({ env, home, uid, platform }: AuthStoreOptions): string {
  const named = env['REGISTRY_AUTH_FILE']
  if (named !== undefined && named !== '') return named
  const runtime = env['XDG_RUNTIME_DIR']
  if (platform === 'linux') return runtime === undefined || runtime === '' ? `/run/containers/${uid}/auth.json` : join(runtime, 'containers/auth.json')
  return join(home, '.config/containers/auth.json')
}

/** `host[:port]` of a key, in the spelling that a client is opened with. */
export function registryOfKey(key: string): string { return canonicalHost(key.split('/', 1)[0] ?? '') }

function section(root: Json, name: string): Json { return (root[name] ?? {}) as Json }

/** A file that cannot be understood is not written over. */
async function read(path: string): Promise<Json> {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {}
    throw new InvalidCredentialsError(`the auth file ${path} cannot be read (${systemCode(error)}): correct its permissions, or name another with --authfile`)
  }
  parseAuthFile(text, path, false)
  return text.trim() === '' ? {} : JSON.parse(text) as Json
}

/** Whole or not at all, and for its owner alone from the first byte on. A link stays a link. */
async function write(path: string, root: Json): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const target = await realpath(path).catch(() => path)
    const temporary = join(dirname(target), `.auth.${randomBytes(6).toString('hex')}.tmp`)
    try {
      await using file = await open(temporary, 'wx', 0o600)
      await chmod(temporary, 0o600)
      await file.writeFile(JSON.stringify(root, undefined, '\t'))
      await file.sync()
      await rename(temporary, target)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  } catch (error) {
    throw new InvalidCredentialsError(`the auth file ${path} cannot be written (${systemCode(error)}): name another with --authfile`)
  }
}
