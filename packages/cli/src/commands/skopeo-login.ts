// `login`: credentials are stored when the registry has taken them, never before.
import { createKeychain, type Credentials, openAuthStore } from '@longshore/credentials'
import { RegistryError } from '@longshore/oci'
import type { SkopeoContext } from '../skopeo/command.ts'
import { during, goQuote } from '../skopeo/go-words.ts'
import { type LoginKey, parseLoginKey, storeOptions } from '../skopeo/login-key.ts'
import { openRegistry } from '../skopeo/open-image.ts'
import { askPassword, askUser, readPassword } from '../skopeo/prompt.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { write } from '../skopeo/write.ts'
import type { StoreFlags } from '../skopeo-flags.ts'

export interface LoginFlags extends StoreFlags {
  readonly username?: string
  readonly password?: string
  readonly passwordStdin?: boolean
  readonly getLogin?: boolean
  readonly certDir?: string
  readonly verbose?: boolean
}

/** @throws SkopeoError */
export async function loginCommand(args: readonly string[], flags: LoginFlags, context: SkopeoContext): Promise<void> {
  const [text] = args
  if (text === undefined) throw new SkopeoError('please provide a registry to login to')
  if (args.length > 1) throw new SkopeoError('login accepts only one registry to login to')
  const key = parseLoginKey(text)
  const options = storeOptions(flags, context, flags.getLogin === true)
  const given = await password(flags)
  const known = await existing(key, flags, context)
  if (flags.getLogin === true) {
    const user = known && 'username' in known ? known.username : undefined
    if (user === undefined) throw new SkopeoError(`not logged into ${key.key}`)
    return await write(`${user}\n`)
  }
  if (known?.kind === 'identity-token') throw new SkopeoError('currently logged in, auth file contains an Identity token')
  const before = known?.kind === 'basic' ? known : undefined
  if (before && (flags.username ?? '') === '' && given === '') {
    await write(`Authenticating with existing credentials for ${key.key}\n`)
    if (await accepts(key, before.username, before.password, flags, context) === undefined) return await write(`Existing credentials are valid. Already logged in to ${key.registry}\n`)
    await write('Existing credentials are invalid, please enter valid username and password\n')
  }
  const user = await userName(flags.username ?? '', before?.username)
  const secret = given === '' ? await askPassword(context.signal) : given
  const refusal = await accepts(key, user, secret, flags, context)
  if (refusal instanceof RegistryError && (refusal.status === 401 || refusal.status === 403)) {
    throw new SkopeoError(`logging into ${goQuote(key.key)}: invalid username/password`, 'SKOPEO_FAILED', { cause: refusal })
  }
  if (refusal) throw during(`authenticating creds for ${goQuote(key.key)}`, refusal)
  const place = await openAuthStore(options).store(key.key, user, secret)
  await write(`${flags.verbose === true ? `Used:  ${place}\n` : ''}Login Succeeded!\n`)
}

/** @returns '' where none was given */
async function password({ passwordStdin, password: given = '', username = '' }: LoginFlags): Promise<string> {
  if (passwordStdin !== true) return given
  if (given !== '') throw new SkopeoError('Can\'t specify both --password-stdin and --password')
  if (username === '') throw new SkopeoError('Must provide --username with --password-stdin')
  return await readPassword()
}

async function userName(given: string, before: string | undefined): Promise<string> {
  if (given !== '') return given
  const typed = await askUser(before === undefined ? 'Username: ' : `Username (${before}): `)
  // An empty line takes the name that is offered.
  return typed === '' ? before ?? '' : typed
}

async function existing({ registry, namespace }: LoginKey, { authfile, compatAuthFile }: LoginFlags, { config }: SkopeoContext): Promise<Credentials | undefined> {
  const { existsSync } = await import('node:fs')
  const { env, home, uid, platform } = config
  const file = compatAuthFile ?? authfile ?? (env['REGISTRY_AUTH_FILE'] === '' ? undefined : env['REGISTRY_AUTH_FILE'])
  // It is about to be made.
  if (file !== undefined && !existsSync(file)) return undefined
  return await createKeychain({ env, home, uid, platform, ...(file === undefined ? {} : { authFile: file }) }).credentialsFor(registry, namespace)
}

/** @returns why the registry does not take them */
async function accepts({ registry }: LoginKey, username: string, password_: string, { certDir, tlsVerify }: LoginFlags, context: SkopeoContext): Promise<unknown> {
  await using opened = await openRegistry({ registry }, {
    username, password: password_, ...(certDir === undefined ? {} : { certDir }), ...(tlsVerify === undefined ? {} : { tlsVerify }),
  }, context)
  try {
    await opened.registry.authenticate({ signal: context.signal })
    return undefined
  } catch (error) {
    context.signal.throwIfAborted()
    return error
  }
}
