// The process of a worker: from its environment to its exit code.
import { createLogger, stopOnSignals } from '@longshore/telemetry'
import { readWorkerConfig, type WorkerFlags } from './config.ts'
import { startWorker } from './wire.ts'

/** Works until SIGTERM, and for the grace after it; what is left then is given back. @throws what keeps it from starting */
export async function runWorker(env: Readonly<Record<string, string | undefined>>, flags: WorkerFlags, version: string): Promise<0> {
  const config = readWorkerConfig(env, flags)
  const log = createLogger({ level: config.logLevel, secrets: config.secrets })
  for (const variable of config.unknown) log.warn({ variable }, 'nothing reads this variable')
  using stop = stopOnSignals(log)
  await using service = await startWorker(config, log, version)
  log.info({ url: service.url, version }, 'listening')
  await service.run(stop.signal)
  log.info({}, 'stopped')
  return 0
}
