import { dirname, join } from 'node:path'
import { makeFolder } from '@longshore/cutover'
import { createMapping, type Exception, type MappedImage, type Mapping, mappingFormats } from '@longshore/mapping'
import { printable } from '@longshore/oci'
import { countNamed, describeUnlisted, fromExpansion, type Unlisted } from '@longshore/report'
import { expand, type Migration } from '@longshore/spec'
import type { Source } from '@longshore/transfer'
import { AtomicFile } from '../atomic-file.ts'
import { readConfig } from '../config.ts'
import { ExitCode } from '../exit-code.ts'
import type { MappingFlags } from '../flags.ts'
import { count } from '../format.ts'
import { Interrupt } from '../interrupt.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { UsageError } from '../usage-error.ts'
import { wire } from '../wire.ts'

/** Repositories that are listed at once. */
const listings = 32
const shownExceptions = 20

/** Prints what clusters need to find images under their new names. @throws SpecError, UsageError, CollisionError */
export async function mappingCommand(specs: readonly string[], flags: MappingFlags): Promise<ExitCode> {
  const { format, output, byDigest = false, specFormat } = flags
  if (format !== undefined && output !== undefined) throw new UsageError('--format prints one form on stdout, --output writes all of them: give one of the two')
  const { format: _, ...rest } = flags
  const { migration, warnings, hints } = await readSpecs(specs, { ...rest, ...(specFormat === undefined ? {} : { format: specFormat }) }, process.stdin)
  printWarnings(migration, warnings)
  const unlisted: Unlisted[] = []
  const images = await imagesOf(migration, { ...rest, hints }, unlisted)
  const mapping = createMapping(images, { insecure: flags.destTlsVerify === false, byDigest })
  const shown = format ?? 'csv'
  for (const [form, exceptions] of output === undefined ? [[shown, mapping.exceptions[shown]] as const] : mappingFormats.map((one) => [one, mapping.exceptions[one]] as const)) warn(form, exceptions)
  for (const one of unlisted) process.stderr.write(`longshore: FAILED ${describeUnlisted(one)}\n`)
  if (output === undefined) process.stdout.write(mapping.texts[shown])
  else await write(output, mapping, flags.quiet === true)
  return unlisted.length > 0 ? ExitCode.failed : ExitCode.ok
}

/** No registry is asked where the specs name every image. */
async function imagesOf(migration: Migration, flags: MappingFlags & Pick<Parameters<typeof wire>[1], 'hints'>, unlisted: Unlisted[]): Promise<readonly MappedImage[]> {
  using interrupt = new Interrupt(() => {})
  await using stack = new AsyncDisposableStack()
  const transports = countNamed(migration) === undefined ? stack.use(await wire(migration, flags, readConfig(), () => {})).transports : undefined
  const sourceFor = (registry: string): Source => {
    if (!transports) throw new UsageError(`${registry} would have to be asked for its tags`)
    return transports.source(registry)
  }
  const images: MappedImage[] = []
  for await (const event of expand(migration, sourceFor, { concurrency: listings, signal: interrupt.stop })) {
    if (event.kind === 'image') images.push({ ...event.image, ...(event.tag === undefined ? {} : { tag: event.tag }) })
    else {
      const told = fromExpansion(event)
      if (told.type === 'unlisted') unlisted.push(told)
    }
  }
  return images
}

function warn(form: string, exceptions: readonly Exception[]): void {
  for (const { old, new: now, why } of exceptions.slice(0, shownExceptions)) process.stderr.write(`warning: ${form} cannot map ${printable(`${old} to ${now}: ${why}`)}\n`)
  if (exceptions.length > shownExceptions) process.stderr.write(`warning: ${form}: and ${count(exceptions.length - shownExceptions, 'more image')} (comments in the text name all of them)\n`)
}

async function write(folder: string, { files }: Mapping, quiet: boolean): Promise<void> {
  for (const [name, text] of files) {
    const path = join(folder, name)
    try { await makeFolder(dirname(path)) } catch (error) {
      throw new UsageError(`--output ${folder} cannot be written (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'}): name a directory that you may write to`)
    }
    await using file = await AtomicFile.begin(path, '--output')
    await file.commit([text])
    if (!quiet) process.stdout.write(`${path}\n`)
  }
}
