// For tests alone: the surroundings that podman is run in.
import { existsSync } from 'node:fs'

/** The limits of a machine's container runtime, where it has such a file. */
const limits = '/work/shared/containers.conf'

export const env: Readonly<Record<string, string | undefined>> = existsSync(limits) ? { ...process.env, CONTAINERS_CONF: limits } : process.env
