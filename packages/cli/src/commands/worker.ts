import { readConfig } from '../config.ts'
import type { ExitCode } from '../exit-code.ts'
import type { WorkerFlags } from '../flags.ts'
import { readVersion } from '../version.ts'

export async function workerCommand({ redis, listen, tokenFile, logLevel, recordHours, grace, blobs, images, ...access }: WorkerFlags): Promise<ExitCode> {
  const { runWorker } = await import('@longshore/worker')
  return await runWorker(readConfig().env, defined({ redis, listen, tokenFile, logLevel, recordHours, grace, blobs, images, access }), readVersion())
}

/** Without those that were not given. */
export function defined<T extends object>(flags: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as T
}
