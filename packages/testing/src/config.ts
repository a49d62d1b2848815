import { existsSync } from 'node:fs'

export type ServerKind = 'local' | 'containers' | 'auto'

/** `LONGSHORE_TEST_SERVERS`: where real servers come from. @throws Error when it is none of the three */
export function readServerKind(): ServerKind {
  const value = process.env['LONGSHORE_TEST_SERVERS'] ?? 'auto'
  if (value === 'local' || value === 'containers' || value === 'auto') return value
  throw new Error(`LONGSHORE_TEST_SERVERS is "${value}": it can be local, containers or auto`)
}

/** Whether there is any sign of a container engine: asking costs seconds where there is none. */
export function hasEngineSocket(): boolean {
  return process.env['DOCKER_HOST'] !== undefined || existsSync('/var/run/docker.sock')
}
