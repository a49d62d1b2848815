import type { Credentials } from './credentials.ts'
import { askHelper } from './helper.ts'
import { dockerHubKey } from './registry-key.ts'
import { Remembered } from './remembered.ts'

/** As in a keychain: some open a browser; cloud helpers hand out passwords that live an hour or less. */
const timeoutMs = 30_000
const rememberMs = 5 * 60_000

/** `docker-credential-SUFFIX`, asked by registry. @param file where it is named, for messages @throws CredentialHelperError */
export function createHelper(suffix: string, file: string, env: Readonly<Record<string, string | undefined>>): (registry: string) => Promise<Credentials | undefined> {
  const answers = new Remembered<Credentials | undefined>(rememberMs)
  return (registry) => answers.get(registry, () => askHelper({ suffix, server: registry === 'docker.io' ? dockerHubKey : registry, file, env, timeoutMs }))
}
