import { formatPlatform, printable } from '@longshore/oci'
import { type AccessHint, type ParsedSpec, printNativeSpec, type SpecInput } from '@longshore/spec'
import { ExitCode } from '../exit-code.ts'
import type { SpecFlags, SubmitFlags } from '../flags.ts'
import { insecurePlaces, refuseInsecure, secretPlaces } from '../hinted-places.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { submittedSchema } from '../remote-client.ts'
import { connectRemote } from '../remote.ts'
import { UsageError } from '../usage-error.ts'

/** @throws SpecError, UsageError, RemoteError */
export async function submitCommand(specs: readonly string[], flags: SubmitFlags): Promise<ExitCode> {
  const client = connectRemote(flags)
  // What is wrong with the files is told here, where they are; the coordinator looks again.
  const { migration, warnings, inputs, objects, hints } = await readSpecs(specs, flags, process.stdin)
  refuseToTravel(hints, flags)
  printWarnings(migration, warnings)
  if (migration.entries.length === 0) return ExitCode.ok
  const submitted = await client.json('/migrations', submittedSchema, {
    method: 'POST', isLong: true, json: { specs: await carried(inputs, objects), ...optionsOf(flags) },
  })
  const { id, resumed } = submitted
  // With --watch, stdout is for what comes of it.
  if (flags.watch !== true) process.stdout.write(flags.json === true ? `${JSON.stringify(submitted)}\n` : `${id}\n`)
  const isTold = flags.quiet !== true && flags.json !== true
  if (isTold) process.stderr.write(`longshore: ${resumed ? `the same migration is under way already, as ${id}` : `submitted as ${id}`}${flags.watch === true ? '' : `; longshore watch ${id} shows how it goes`}\n`)
  if (flags.watch !== true) return ExitCode.ok
  const { watch } = await import('./watch.ts')
  return await watch(client, id, flags)
}

/** As they are; but objects of a cluster have more in them than anybody else should see, so the images go alone. */
export async function carried(inputs: readonly SpecInput[], objects: ParsedSpec['objects']): Promise<ReadonlyArray<{ readonly file: string; readonly content: string }>> {
  const lists = inputs.filter(({ name }) => objects?.files.has(name) !== true)
  const specs = lists.map(({ name, content }) => ({ file: name, content: typeof content === 'string' ? content : Buffer.from(content).toString('utf8') }))
  if (!objects || objects.migration.entries.length === 0) return specs
  return [...specs, { file: [...objects.files][0] ?? 'kubernetes', content: await printNativeSpec(objects.migration, []) }]
}

export function optionsOf({ name, format: given, from, to, fromForAll, platform, platformPolicy, referrers, foreignLayers, srcTlsVerify, destTlsVerify, keepGoing }: SpecFlags & Pick<SubmitFlags, 'name' | 'srcTlsVerify' | 'destTlsVerify' | 'keepGoing'>): Record<string, unknown> {
  const format = given === 'kubernetes' ? undefined : given
  const options = { name: name === undefined ? undefined : printable(name), format, from, to, fromForAll, platforms: platform?.map(formatPlatform), platformPolicy, referrers, foreignLayers, srcTlsVerify, destTlsVerify, keepGoing }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** @throws UsageError */
export function refuseToTravel(hints: readonly AccessHint[], { srcTlsVerify, destTlsVerify }: Pick<SubmitFlags, 'srcTlsVerify' | 'destTlsVerify'>): void {
  const secrets = secretPlaces(hints)
  if (secrets.length > 0) throw new UsageError(`credentials and certificates never travel to a coordinator: take those for ${secrets.join(', ')} out of the files and give them to its workers (podman login, docker login, certs.d); longshore convert prints the files without them`)
  refuseInsecure(insecurePlaces(hints, { srcTlsVerify, destTlsVerify }), 'the workers')
}
