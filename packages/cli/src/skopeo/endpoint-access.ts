// Both ends of copy and sync, opened: registries by their clients, everything else as the place that it is; and the images as they become on the way.
import { type Access, openAccess } from '@longshore/access'
import { InvalidCredentialsError } from '@longshore/credentials'
import type { Layout, LayoutSource } from '@longshore/layouts'
import { transportOf } from '@longshore/oci'
import type { AccessHint } from '@longshore/spec'
import type { Source, Target, Transports } from '@longshore/transfer'
import { type Changes, changesAnything, transformSource } from '@longshore/transform'
import type { Config } from '../config.ts'
import { openPlace } from '../open-place.ts'
import { isPlace, onlyRegistries } from '../place-kind.ts'
import type { CopyFlags, SharedCopyFlags } from './copy-flags.ts'
import { RememberingSource } from './remembering-source.ts'
import { SkopeoError } from './skopeo-error.ts'
import { tmpdirOf } from './tmpdir.ts'

export interface EndpointOptions {
  readonly source: ReadonlySet<string>
  readonly destination: ReadonlySet<string>
  readonly changes: Changes
  readonly flags: SharedCopyFlags & Partial<CopyFlags>
  readonly config: Config
  /** What a file says about reaching registries. */
  readonly hints?: readonly AccessHint[]
  /** Lists may come without some of their images. */
  readonly sparse?: boolean
}

export interface Endpoints extends AsyncDisposable {
  /** As the images are read. */
  readonly raw: (registry: string) => Source
  /** As they become. */
  readonly transports: Transports
  readonly access: Access
  /** An end that is no registry. */
  readonly placeOf: (side: 'source' | 'destination', registry: string) => Layout | LayoutSource | undefined
  /** What is written as one file is there afterwards. */
  finish(): Promise<void>
}

/** @throws SkopeoError, LayoutError */
export async function openEndpoints(options: EndpointOptions): Promise<Endpoints> {
  const { source, destination, changes, flags, config } = options
  const stack = new AsyncDisposableStack()
  try {
    const access = stack.use(await openRegistries(options))
    const tmpdir = tmpdirOf(flags, config.env)
    const open = async (side: 'src' | 'dest', registries: ReadonlySet<string>): Promise<ReadonlyMap<string, Layout | LayoutSource>> => {
      const places = new Map<string, Layout | LayoutSource>()
      for (const registry of registries) {
        if (!isPlace(registry)) continue
        const sharedBlobDir = side === 'src' ? flags.srcSharedBlobDir : flags.destSharedBlobDir
        const daemonHost = side === 'src' ? flags.srcDaemonHost : flags.destDaemonHost
        const tlsVerify = side === 'src' ? flags.srcTlsVerify : flags.destTlsVerify
        const certDir = side === 'src' ? flags.srcCertDir : flags.destCertDir
        places.set(registry, stack.use(await openPlace(registry, {
          readOnly: side === 'src', tmpdir, env: config.env, ...(sharedBlobDir === undefined ? {} : { sharedBlobDir }), ...(daemonHost === undefined ? {} : { daemonHost }),
          ...(tlsVerify === undefined ? {} : { tlsVerify }), ...(certDir === undefined ? {} : { certDir }), ...(options.sparse === undefined ? {} : { sparse: options.sparse }),
        })))
      }
      return places
    }
    const sources = await open('src', source)
    const targets = await open('dest', destination)
    const remembered = new Map<string, Source>()
    const raw = (registry: string): Source => remember(remembered, registry, () => new RememberingSource(sources.get(registry) ?? access.transports.source(registry)).wrap())
    const changed = new Map<string, Source>()
    const become = (registry: string): Source => (changesAnything(changes)
      ? remember(changed, registry, () => stack.use(transformSource(raw(registry), changes, { tmpdir }))) : raw(registry))
    const target = (registry: string): Target => {
      const place = targets.get(registry)
      if (!place) return access.transports.target(registry)
      if (!('push' in place)) throw new SkopeoError(`${transportOf(registry)}: cannot be written to`)
      return place
    }
    return {
      raw, access, transports: { source: become, target }, placeOf: (side, registry) => (side === 'source' ? sources : targets).get(registry),
      async finish() { for (const place of targets.values()) if ('finish' in place) await place.finish() },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function remember(known: Map<string, Source>, registry: string, make: () => Source): Source {
  let source = known.get(registry)
  if (!source) known.set(registry, source = make())
  return source
}

async function openRegistries({ source, destination, flags, config, hints }: EndpointOptions): Promise<Access> {
  try {
    return await openAccess({ source: onlyRegistries(source), destination: onlyRegistries(destination) }, { ...flags, ...(hints === undefined ? {} : { hints }) }, config, () => {})
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    throw new SkopeoError(error.message)
  }
}

