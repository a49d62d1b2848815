// One image of any transport, opened for reading: its manifest, the instance for this machine, its configuration.
import { type AccessOptions, openAccess } from '@longshore/access'
import type { Layout, LayoutSource } from '@longshore/layouts'
import {
  ConnectionError, type Descriptor, type Digest, DigestMismatchError, digestOf, type Endpoint, algorithmOf, formatPlatform, type ImageIndex, type ImageManifest, InvalidReferenceError, type Manifest, MigrationError, parseEndpoint, type Platform,
  type Schema1Manifest, SizeMismatchError, transportOf, type Tag,
} from '@longshore/oci'
import type { Registry } from '@longshore/registry'
import type { Source } from '@longshore/transfer'
import { checkCredentials, type GlobalFlags, type ImageFlags } from '../skopeo-flags.ts'
import type { SkopeoContext } from './command.ts'
import { referenceOf, refuseWholeTree } from './copy-request.ts'
import { during, goQuote } from './go-words.ts'
import { imageUnknown, SkopeoError } from './skopeo-error.ts'
import { tmpdirOf } from './tmpdir.ts'

export interface OpenedImage extends AsyncDisposable {
  readonly endpoint: Endpoint
  readonly source: Source
  /** What the endpoint names, a list where it names one. @throws SkopeoError, with exit code 2 when it is not there */
  manifest(): Promise<Manifest>
  /** The image of a list for the wanted platform. @throws SkopeoError */
  instance(manifest: Manifest): Promise<ImageManifest | Schema1Manifest>
  /** The configuration's bytes, checked. */
  config(manifest: ImageManifest): Promise<Buffer>
}

/** A configuration is JSON of some kilobytes; this is what containers/image takes at the most. */
const maxConfigBytes = 4 * 1024 * 1024

/** Reading an image name refuses as skopeo's does. @throws SkopeoError */
export function parseImageName(text: string): Endpoint {
  try {
    const endpoint = parseEndpoint(text, process.cwd())
    refuseWholeTree(endpoint)
    return endpoint
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    const why = error.message.replace(/^".*" is not a valid reference: /s, '')
    throw new SkopeoError(/in lower case/.test(why) ? 'invalid reference format: repository name must be lowercase'
      : text.startsWith('docker://') && !/^Docker references|^docker:/.test(why) ? `invalid reference format: ${why}` : why, 'SKOPEO_FAILED', { cause: error })
  }
}

/** `host[:port]/repository`, as containers/image prints a name. */
export function dockerName({ registry, repository }: Endpoint): string { return `${registry}/${repository}` }

/** The unprefixed flags as those of a source. */
function accessOptions({ creds, username, password, noCreds, registryToken, certDir, tlsVerify, authfile, registriesConf, userAgentPrefix }: ImageFlags & GlobalFlags): AccessOptions {
  return Object.fromEntries(Object.entries({
    srcCreds: creds, srcUsername: username, srcPassword: password, srcNoCreds: noCreds, srcRegistryToken: registryToken, srcCertDir: certDir,
    srcTlsVerify: tlsVerify, authfile, registriesConf, userAgentPrefix,
  }).filter(([, value]) => value !== undefined))
}

/** A registry's own client: it can be written to, and deleted from. @throws SkopeoError */
export async function openRegistry({ registry }: Pick<Endpoint, 'registry'>, flags: ImageFlags & GlobalFlags, { config }: SkopeoContext): Promise<{ readonly registry: Registry } & AsyncDisposable> {
  checkCredentials(flags)
  if (flags['registries.d'] !== undefined) {
    // skopeo reads it for every image of a registry, and fails where it cannot.
    const { readRegistriesD } = await import('@longshore/signing')
    await readRegistriesD({ path: flags['registries.d'], home: config.home, uid: config.uid })
  }
  const access = await openAccess({ source: new Set([registry]), destination: new Set() }, accessOptions(flags), config, () => {})
  const [opened] = access.clients()
  if (!opened) throw new Error(`no client was opened for ${registry}`)
  return { registry: opened.client, [Symbol.asyncDispose]: () => access[Symbol.asyncDispose]() }
}

/** A place that is no registry. @throws SkopeoError, LayoutError, EngineError */
export async function openFlaggedPlace({ registry }: Endpoint, flags: ImageFlags & GlobalFlags, { config: { env } }: SkopeoContext, readOnly: boolean): Promise<Layout | LayoutSource> {
  checkCredentials(flags)
  const { openPlace } = await import('../open-place.ts')
  const { sharedBlobDir, daemonHost, tlsVerify, certDir } = flags
  return await openPlace(registry, {
    readOnly, tmpdir: tmpdirOf(flags, env), env, layersAsSkopeo: true, ...(sharedBlobDir === undefined ? {} : { sharedBlobDir }), ...(daemonHost === undefined ? {} : { daemonHost }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }), ...(certDir === undefined ? {} : { certDir }),
  })
}

/** Joins what reads the endpoint. @throws SkopeoError */
export async function openSource(endpoint: Endpoint, flags: ImageFlags & GlobalFlags, context: SkopeoContext): Promise<{ readonly source: Source } & AsyncDisposable> {
  if (transportOf(endpoint.registry) === 'docker') {
    const opened = await openRegistry(endpoint, flags, context)
    return { source: opened.registry, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  }
  const place = await openFlaggedPlace(endpoint, flags, context, true)
  return { source: place, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

/** @throws SkopeoError */
export async function openImage(endpoint: Endpoint, flags: ImageFlags & GlobalFlags, context: SkopeoContext): Promise<OpenedImage> {
  const opened = await openSource(endpoint, flags, context)
  const { source } = opened
  const { signal } = context
  const isDocker = endpoint.transport === 'docker'
  const read = async (reference: Tag | Digest): Promise<Manifest> => {
    const attempt = isDocker ? `reading manifest ${reference} in ${dockerName(endpoint)}` : `reading the manifest of ${endpoint.text}`
    let manifest: Manifest | undefined
    try {
      manifest = await source.manifest(endpoint.repository, reference, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (isMissing(error)) throw imageUnknown(`${attempt}: ${error.message}`, error)
      // A registry that was not reached was not asked.
      throw error instanceof ConnectionError ? error : during(attempt, error)
    }
    if (!manifest) throw imageUnknown(`${attempt}: manifest unknown`)
    return manifest
  }
  return {
    endpoint, source,
    manifest: () => read(referenceOf(endpoint)),
    async instance(manifest) {
      const child = manifest.kind === 'index' ? await read(chooseInstance(manifest, wantedPlatforms(flags)).digest) : manifest
      if (child.kind === 'index') throw new SkopeoError('the list names another list for this platform, which no image is')
      return child
    },
    async config({ config }) {
      if (!config) throw new SkopeoError('the manifest names no configuration')
      return await readSmallBlob(source, endpoint, config, signal)
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** A place that is not there, or that has several images where one was not named. */
export function isMissing(error: unknown): error is MigrationError { return error instanceof MigrationError && error.code === 'LAYOUT_MISSING' }

async function readSmallBlob(source: Source, { repository, text }: Endpoint, desc: Descriptor, signal: AbortSignal): Promise<Buffer> {
  if (desc.size > maxConfigBytes) throw new SkopeoError(`${text}: the configuration is ${desc.size} bytes, more than the ${maxConfigBytes} that are taken`)
  const chunks: Uint8Array[] = []
  await using content = await source.blob(repository, desc, { signal })
  let size = 0
  for await (const chunk of content) {
    size += chunk.byteLength
    if (size > desc.size) break
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  if (size !== desc.size) throw new SizeMismatchError(`the configuration of ${text}`, desc.size, size)
  const actual = digestOf(bytes, algorithmOf(desc.digest))
  if (actual !== desc.digest) throw new DigestMismatchError(`the configuration of ${text}`, desc.digest, actual)
  return bytes
}

/** Node's names of architectures in Go's. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }
/** What a variant of arm can run, the best first: containers/image, pkg/platform. */
const compatible: Readonly<Record<string, readonly string[]>> = { arm: ['v8', 'v7', 'v6', 'v5'], arm64: ['v8'] }

export interface Wanted { readonly os: string; readonly architecture: string; readonly variant: string; readonly platforms: readonly Platform[] }

/** The machine's platform, or what the flags say in its place, with what else it can run. */
export function wantedPlatforms({ overrideArch, overrideOs, overrideVariant }: GlobalFlags, machine = { arch: process.arch, platform: process.platform }): Wanted {
  const os = nonEmpty(overrideOs) ?? (machine.platform === 'win32' ? 'windows' : machine.platform)
  const architecture = nonEmpty(overrideArch) ?? architectures[machine.arch] ?? machine.arch
  const variant = overrideVariant ?? ''
  const known = compatible[architecture] ?? []
  const at = known.indexOf(variant)
  const variants = variant === '' ? ['', ...known] : at >= 0 ? [...known.slice(at), ''] : [variant, '']
  return { os, architecture, variant, platforms: variants.map((one) => ({ os, architecture, ...(one === '' ? {} : { variant: one }) })) }
}

/** The first platform that is wanted and there. @throws SkopeoError */
export function chooseInstance(index: ImageIndex, { os, architecture, variant, platforms }: Wanted): Descriptor {
  for (const wish of platforms) {
    const found = index.manifests.find(({ platform }) => platform && formatPlatform(platform) === formatPlatform(wish))
    if (found) return found
  }
  const what = index.mediaType.includes('docker') ? 'manifest list' : 'image index'
  throw new SkopeoError(`no image found in ${what} for architecture ${goQuote(architecture)}, variant ${goQuote(variant)}, OS ${goQuote(os)}`)
}

function nonEmpty(text: string | undefined): string | undefined { return text === '' ? undefined : text }
