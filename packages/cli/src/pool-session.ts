// What every command that works over Redis begins with: the pool, and workers of its own where they are asked for.
import type { AccessOptions } from '@longshore/access'
import { openPool, type Pool } from '@longshore/pool'
import { type Config, recordMsFrom, redisSettingsFrom } from './config.ts'
import type { PoolFlags } from './flags.ts'
import { insecurePlaces, refuseInsecure, secretPlaces } from './hinted-places.ts'
import { startLocalWorkers } from './local-workers.ts'
import { UsageError } from './usage-error.ts'

const graceMs = 10_000

export interface PoolSession extends AsyncDisposable {
  readonly pool: Pool
  readonly ownWorkers: number
  /** Where what is said meanwhile goes. */
  say: (line: string) => void
}

/** @throws UsageError, what `connectRedis` throws */
export async function openSession(flags: AccessOptions & PoolFlags, config: Config): Promise<PoolSession> {
  const count = flags.workers ?? 0
  refuseWhatWorkersCannotKnow(flags, count)
  refuseHints(flags, count)
  const redis = await redisSettingsFrom(config, flags.redis)
  const recordMs = recordMsFrom(config)
  const session = { say: (line: string): void => { process.stderr.write(`longshore: ${line}\n`) } }
  const stack = new AsyncDisposableStack()
  try {
    const pool = stack.use(await openPool(redis, { recordMs, name: 'longshore-migrate', onSay: (line) => session.say(line) }))
    const { maxBandwidth } = flags
    // A cap is shared out among the workers: each knows of itself alone.
    const access = { ...accessOf(flags), ...(maxBandwidth === undefined ? {} : { maxBandwidth: Math.max(1, Math.floor(maxBandwidth / Math.max(1, count))) }) }
    if (count > 0) stack.use(await startLocalWorkers(count, { redis, access, recordMs, graceMs }, (line) => session.say(line)))
    return Object.assign(session, { pool, ownWorkers: count, [Symbol.asyncDispose]: () => stack.disposeAsync() })
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

const accessNames = [
  'srcTlsVerify', 'destTlsVerify', 'authfile', 'srcAuthfile', 'destAuthfile', 'srcCreds', 'destCreds', 'srcUsername', 'destUsername', 'srcPassword', 'destPassword',
  'srcNoCreds', 'destNoCreds', 'srcRegistryToken', 'destRegistryToken', 'srcCertDir', 'destCertDir', 'registriesConf', 'concurrency', 'maxBandwidth',
] as const satisfies ReadonlyArray<keyof AccessOptions>

/** Flags that say something to this process as well: it lists tags. */
const shared: ReadonlySet<string> = new Set(['srcTlsVerify', 'destTlsVerify', 'authfile', 'srcAuthfile', 'destAuthfile'])

function accessOf(flags: AccessOptions): AccessOptions {
  return Object.fromEntries([...accessNames, 'hints' as const].flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
}

/** What is this process' own would not reach workers elsewhere: they have their own credentials and limits. */
function refuseWhatWorkersCannotKnow(flags: AccessOptions, workers: number): void {
  if (workers > 0) return
  const own = accessNames.filter((name) => flags[name] !== undefined && !shared.has(name))
  if (own.length === 0) return
  const names = own.map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`).join(', ')
  throw new UsageError(`with --redis the workers reach the registries, with credentials and limits of their own: give ${names} to them, or start workers here with --workers N`)
}

/** The same of what files of other tools say about registries. Whether TLS is verified is the migration's to say, by its flags. @throws UsageError */
function refuseHints({ hints = [], srcTlsVerify, destTlsVerify }: AccessOptions, workers: number): void {
  const secrets = secretPlaces(hints)
  if (workers === 0 && secrets.length > 0) {
    throw new UsageError(`with --redis the workers reach the registries, with credentials and certificates of their own: take those for ${secrets.join(', ')} out of the files and give them to the workers (podman login, docker login, certs.d), or start workers here with --workers N`)
  }
  refuseInsecure(insecurePlaces(hints, { srcTlsVerify, destTlsVerify }), 'the workers')
}
