import { existsSync } from 'node:fs'

export type ServerKind = 'local' | 'containers' | 'auto'

const defaultSocket = '/var/run/docker.sock'

/** `LONGSHORE_TEST_SERVERS`: where real servers come from. @throws Error when it is none of the three */
export function readServerKind(): ServerKind {
  const value = process.env['LONGSHORE_TEST_SERVERS'] ?? 'auto'
  if (value === 'local' || value === 'containers' || value === 'auto') return value
  throw new Error(`LONGSHORE_TEST_SERVERS is "${value}": it can be local, containers or auto`)
}

/** For this process and for those that it starts. */
export function useLocalServers(): void {
  process.env['LONGSHORE_TEST_SERVERS'] = 'local'
}

/** Whether there is any sign of a container engine: asking costs seconds where there is none. */
export function hasEngineSocket(): boolean {
  return process.env['DOCKER_HOST'] !== undefined || existsSync(defaultSocket)
}

export function engineName(): string {
  return process.env['DOCKER_HOST'] ?? defaultSocket
}

/** The image that testcontainers 12.2 takes for Ryuk. */
export function ryukImage(): string {
  return process.env['RYUK_CONTAINER_IMAGE'] ?? 'testcontainers/ryuk:0.14.0'
}

/** Unless somebody has decided. */
export function turnRyukOff(): void {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
}
