// For tests alone: the surroundings that podman is run in.

/** Without a configuration of this machine's, which may name a runtime that is not there: no container is run here. */
export const env: Readonly<Record<string, string | undefined>> = { ...process.env, CONTAINERS_CONF: '/dev/null' }
