// `logout`: what login has stored is taken away again.
import { createKeychain, openAuthStore } from '@longshore/credentials'
import type { SkopeoContext } from '../skopeo/command.ts'
import { parseLoginKey, storeOptions } from '../skopeo/login-key.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { write } from '../skopeo/write.ts'
import type { StoreFlags } from '../skopeo-flags.ts'

export interface LogoutFlags extends StoreFlags { readonly all?: boolean }

/** @throws SkopeoError */
export async function logoutCommand(args: readonly string[], flags: LogoutFlags, context: SkopeoContext): Promise<void> {
  const store = openAuthStore(storeOptions(flags, context, true))
  if (flags.all === true) {
    if (args.length > 0) throw new SkopeoError('--all takes no arguments')
    await store.removeAll()
    return await write('Removed login credentials for all registries\n')
  }
  const [text] = args
  if (text === undefined) throw new SkopeoError('please provide a registry to logout from')
  if (args.length > 1) throw new SkopeoError('logout accepts only one registry to logout from')
  const { key, registry, namespace } = parseLoginKey(text)
  if (await store.remove(key)) return await write(`Removed login credentials for ${key}\n`)
  const { env, home, uid, platform } = context.config
  const elsewhere = flags.authfile === undefined && flags.compatAuthFile === undefined
    && await createKeychain({ env, home, uid, platform }).credentialsFor(registry, namespace).catch(() => undefined) !== undefined
  if (!elsewhere) throw new SkopeoError(`not logged into ${key}`)
  await write(`Not logged into ${key} with current tool. Existing credentials were established via docker login. Please use docker logout instead.\n`)
}
