import { credentialPlaces, printNativeSpec, type Problem } from '@longshore/spec'
import { ExitCode } from '../exit-code.ts'
import type { SpecFlags } from '../flags.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'

/** Prints the native YAML of whatever specs; on stdout nothing else. Credentials are not part of it. @throws SpecError, UsageError */
export async function convertCommand(specs: readonly string[], flags: SpecFlags): Promise<ExitCode> {
  const { migration, warnings, hints } = await readSpecs(specs, flags, process.stdin)
  const left = [...warnings, ...leftOut(hints)]
  printWarnings(migration, left)
  if (migration.entries.length > 0) process.stdout.write(await printNativeSpec(migration, left))
  return ExitCode.ok
}

/** How what is said about registries is given instead. */
function leftOut(hints: Awaited<ReturnType<typeof readSpecs>>['hints']): readonly Problem[] {
  const secrets = hints.filter((hint) => credentialPlaces([hint]).length > 0)
  const sideFlags = (side: 'source' | 'destination' | undefined, flag: string): string => [...(side === 'destination' ? [] : [`--src-${flag}`]), ...(side === 'source' ? [] : [`--dest-${flag}`])].join(', ')
  return [
    ...secrets.map(({ registry, prefix, side, origin, credentials }) => ({
      file: origin,
      message: credentials?.kind === 'helper' ? `the credential helper of ${registry} is left out: name docker-credential-${credentials.suffix} in the auth file (credHelpers)`
        : `the credentials for ${prefix === undefined ? registry : `${registry}/${prefix}`} are left out: podman login, docker login, or ${sideFlags(side, 'creds')}`,
    })),
    ...hints.filter(({ credentials }) => credentials?.kind === 'none').map(({ registry, side, origin }) => ({ file: origin, message: `that ${registry} is asked without credentials is left out: give ${sideFlags(side, 'no-creds')}` })),
    ...hints.filter(({ tlsVerify }) => tlsVerify === false).map(({ registry, side, origin }) => ({ file: origin, message: `that TLS is not verified for ${registry} is left out: give ${sideFlags(side, 'tls-verify=false')}` })),
    ...hints.filter(({ certDir }) => certDir !== undefined).map(({ registry, side, certDir = '', origin }) => ({ file: origin, message: `the certificates of ${registry} are left out: give ${sideFlags(side, 'cert-dir')} ${certDir}` })),
  ]
}
