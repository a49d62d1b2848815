import { transportOf } from '@longshore/oci'

/** Whether a client's name is that of no registry: a folder, a file or an engine of this machine. */
export function isPlace(registry: string): boolean { return transportOf(registry) !== 'docker' }

export function onlyRegistries(all: ReadonlySet<string>): ReadonlySet<string> { return new Set([...all].filter((registry) => !isPlace(registry))) }
