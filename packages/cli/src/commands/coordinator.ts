import { readConfig } from '../config.ts'
import type { ExitCode } from '../exit-code.ts'
import type { CoordinatorFlags } from '../flags.ts'
import { readVersion } from '../version.ts'
import { defined } from './worker.ts'

export async function coordinatorCommand({ redis, listen, tokenFile, logLevel, recordHours, allowHooks, ...access }: CoordinatorFlags): Promise<ExitCode> {
  const { runCoordinator } = await import('@longshore/coordinator')
  return await runCoordinator(readConfig().env, defined({ redis, listen, tokenFile, logLevel, recordHours, allowHooks, access }), readVersion())
}
