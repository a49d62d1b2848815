// `inspect`: what an image is, without reading its layers.
import { RegistryError, type Tag } from '@longshore/oci'
import { marshal } from '../go-template/json.ts'
import type { GoStruct } from '../go-template/value.ts'
import type { SkopeoContext } from '../skopeo/command.ts'
import { during } from '../skopeo/go-words.ts'
import { ociConfig, parseJsonObject } from '../skopeo/image-config.ts'
import { schema1Config, summarize } from '../skopeo/image-summary.ts'
import { dockerName, openImage, type OpenedImage, parseImageName } from '../skopeo/open-image.ts'
import { withRetries } from '../skopeo/retry.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'
import { write } from '../skopeo/write.ts'
import type { GlobalFlags, ImageFlags, RetryFlags } from '../skopeo-flags.ts'

export interface InspectFlags extends GlobalFlags, ImageFlags, RetryFlags {
  readonly raw?: boolean
  readonly config?: boolean
  readonly format?: string
  readonly noTags?: boolean
  readonly manifestDigest?: string
}

/** @throws SkopeoError */
export async function inspectCommand(args: readonly string[], flags: InspectFlags, context: SkopeoContext): Promise<void> {
  const [name] = args
  if (name === undefined || args.length !== 1) throw new SkopeoError('Exactly one argument expected')
  if (flags.raw === true && flags.format !== undefined && flags.format !== '') throw new SkopeoError('raw output does not support format option')
  const print = await printer(flags.format ?? '')
  const opening = `Error parsing image name "${name}"`
  await using image = await wrapped(opening, context, async () => openImage(parseImageName(name), flags, context))
  const manifest = await wrapped(opening, context, () => withRetries(() => image.manifest(), flags, context))
  if (flags.raw === true && flags.config !== true) return await write(manifest.bytes)
  const instance = await wrapped('Error parsing manifest for image', context, () => wrapped('choosing image instance', context, () => withRetries(() => image.instance(manifest), flags, context)))
  if (flags.config === true) {
    if (instance.kind === 'schema1') throw new SkopeoError(`Error reading ${flags.raw === true ? '' : 'OCI-formatted '}configuration data: a manifest of schema 1 has no configuration of its own`)
    const bytes = await wrapped('Error reading configuration blob', context, () => withRetries(() => image.config(instance), flags, context))
    if (flags.raw === true) return await write(bytes)
    return await write(print(ociConfig(parseJsonObject(bytes, 'the configuration'))))
  }
  const config = instance.kind === 'schema1' ? schema1Config(instance)
    : parseJsonObject(await wrapped('Error reading configuration blob', context, () => withRetries(() => image.config(instance), flags, context)), 'the configuration')
  const tags = image.endpoint.transport === 'docker' && flags.noTags !== true ? await tagsOf(image, flags, context) : []
  await write(print(summarize({ name: image.endpoint.transport === 'docker' ? dockerName(image.endpoint) : '', digest: manifest.digest, tags, image: instance, config })))
}

/** A template is read before anything is asked. @throws SkopeoError */
async function printer(format: string): Promise<(value: GoStruct) => string> {
  if (format === '' || isJson(format)) return (value) => `${marshal(value)}\n`
  const { compileReport } = await import('../go-template/report.ts')
  return compileReport(format, 'skopeo inspect')
}

/** containers/common, report.IsJSON: `json`, `{{json .}}`. */
function isJson(format: string): boolean { return /^\s*(?:json|\{\{\s*json\s*(?:\.\s*)?\}\})\s*$/.test(format) }

/** A registry that does not show its tags is no reason to say nothing about the image. */
async function tagsOf({ source, endpoint }: OpenedImage, flags: InspectFlags, context: SkopeoContext): Promise<readonly Tag[] | undefined> {
  try {
    return await withRetries(() => source.tags(endpoint.repository, { signal: context.signal }), flags, context) ?? []
  } catch (error) {
    context.signal.throwIfAborted()
    const isHidden = error instanceof RegistryError && (error.code === 'DENIED' || error.status === 403 || error.status === 404)
    if (!isHidden) throw during('Error determining repository tags', error)
    context.warn('Registry disallows tag list retrieval; skipping')
    return undefined
  }
}

async function wrapped<T>(attempt: string, { signal }: SkopeoContext, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    signal.throwIfAborted()
    throw during(attempt, error)
  }
}
