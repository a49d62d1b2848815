// The process of a coordinator: from its environment to its exit code.
import { createLogger, stopOnSignals } from '@longshore/telemetry'
import { type CoordinatorFlags, readCoordinatorConfig } from './config.ts'
import { startCoordinator } from './wire.ts'

/** Leads and serves until SIGTERM; then others take over. @throws what keeps it from starting */
export async function runCoordinator(env: Readonly<Record<string, string | undefined>>, flags: CoordinatorFlags, version: string): Promise<0> {
  const config = readCoordinatorConfig(env, flags)
  const log = createLogger({ level: config.logLevel, secrets: config.secrets })
  for (const variable of config.unknown) log.warn({ variable }, 'nothing reads this variable')
  if (config.guard.kind === 'open') log.warn({}, 'no token is set: everybody on this machine may use the api')
  using stop = stopOnSignals(log)
  await using service = await startCoordinator(config, log, version)
  log.info({ url: service.url, version }, 'listening')
  await service.run(stop.signal)
  log.info({}, 'stopped')
  return 0
}
