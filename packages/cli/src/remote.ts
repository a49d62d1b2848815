import { readConfig, serverFrom } from './config.ts'
import type { RemoteFlags } from './flags.ts'
import { RemoteClient } from './remote-client.ts'
import { readVersion } from './version.ts'

/** The coordinator that the flags or the environment name. @throws UsageError */
export function connectRemote(flags: RemoteFlags): RemoteClient {
  return new RemoteClient(serverFrom(readConfig(), flags), readVersion())
}
