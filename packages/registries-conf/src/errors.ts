import { MigrationError, printable } from '@longshore/oci'

/** A registries.conf that cannot be read, or that says what makes no sense. Each line of the message begins with file and line. */
export class RegistriesConfError extends MigrationError {
  override readonly name = 'RegistriesConfError'
  override readonly code = 'REGISTRIES_CONF_INVALID'
  constructor(message: string, cause?: unknown) { super(message.split('\n').map((line) => printable(line)).join('\n'), { cause }) }
}

/** `blocked = true` stands over this registry, namespace or repository. The first words are skopeo's. */
export class RegistryBlockedError extends MigrationError {
  override readonly name = 'RegistryBlockedError'
  override readonly code = 'REGISTRY_BLOCKED'
  constructor(prefix: string, where: string) { super(printable(`registry ${prefix} is blocked in ${where}`)) }
}
