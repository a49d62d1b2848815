import { type Descriptor, type Digest, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome, Target } from '@longshore/transfer'
import { pullScope, pushScope } from './scope.ts'
import { type ApiAnswer, type ApiRequest, askApi } from './api.ts'
import { openBlob } from './blob.ts'
import type { Capabilities } from './capabilities.ts'
import { mayPush } from './grants.ts'
import { Host } from './host.ts'
import { authenticate } from './authenticate.ts'
import { fetchManifest, putManifest, removeManifest, removeTag, resolveManifest } from './manifest.ts'
import type { RegistryOptions } from './options.ts'
import { pushBlob } from './push.ts'
import { listReferrers } from './referrers.ts'
import type { RegistryStats } from './stats.ts'
import { listCatalog, listTags } from './tags.ts'
import { blobExists } from './upload.ts'

/** A registry over HTTP: what `docker://` reads from and writes to. Disposing of it closes its connections. */
export interface Registry extends Target, AsyncDisposable {
  readonly stats: Readonly<RegistryStats>
  readonly capabilities: Readonly<Capabilities>
  /** Finds the registry and its scheme now rather than with the first request. @throws ConnectionError, RegistryError */
  ping(io: Io): Promise<void>
  /** Shows the registry the credentials, for nothing in particular. @throws RegistryError 401 when it does not take them, ConnectionError */
  authenticate(io: Io): Promise<void>
  untag(repository: RepositoryName, tag: Tag, io: Io): Promise<'deleted' | 'absent' | 'unsupported'>
  /**
   * Asks what stands beside the registry on its host, with its credentials shown as they are; the answer whatever its status.
   * @throws ConnectionError, RegistryError for a host that is out of order
   */
  api(request: ApiRequest, io: Io): Promise<ApiAnswer>
  /** The name of the account that requests are made by; `undefined` where there are no credentials, or they have no name. */
  account(repository?: string): Promise<string | undefined>
  /** Whether the credentials may push there, as far as a token tells; nothing is written. `undefined`: it cannot be told. @throws RegistryError, ConnectionError */
  mayPush(repository: RepositoryName, io: Io): Promise<boolean | undefined>
  /** Deletes a manifest, and with it every tag that names it; `false` when it is not there. @throws RegistryError 405 where nothing may be deleted */
  remove(repository: RepositoryName, digest: Digest, io: Io): Promise<boolean>
  /** Another process was told to leave this host alone: no request for so long. `onPause` does not hear of it. */
  pauseFor(ms: number): void
}

/** Nothing is sent until something is asked for. */
export function createRegistry(options: RegistryOptions): Registry {
  const host = new Host(options)
  return {
    registry: options.registry,
    stats: host.stats,
    capabilities: host.capabilities,
    ping: async ({ signal }) => { await host.ready(signal) },
    authenticate: ({ signal }: Io) => authenticate(host, signal),
    untag: (repository: RepositoryName, tag: Tag, { signal }: Io) => removeTag(host, repository, tag, signal),
    remove: (repository: RepositoryName, digest: Digest, { signal }: Io) => removeManifest(host, repository, digest, signal),
    api: (request: ApiRequest, { signal }: Io) => askApi(host, request, signal),
    account: (repository?: string) => host.account(repository),
    mayPush: async (repository: RepositoryName, { signal }: Io) => mayPush(await host.authorization(pushScope(repository), repository, signal), repository),
    pauseFor(ms) { host.gate.closeFor(ms) },
    tags: (repository: RepositoryName, { signal }: Io) => listTags(host, repository, signal),
    resolve: (repository: RepositoryName, reference: Tag | Digest, { signal }: Io) => resolveManifest(host, repository, reference, signal),
    manifest: (repository: RepositoryName, reference: Tag | Digest, { signal }: Io) => fetchManifest(host, repository, reference, signal),
    exists: (repository: RepositoryName, desc: Descriptor, { signal }: Io) => blobExists({ host, repository, desc, signal }, pullScope),
    blob: (repository: RepositoryName, desc: Descriptor, { signal, offset = 0, url }: Io & { readonly offset?: number; readonly url?: string }): Promise<Content> =>
      openBlob(host, repository, desc, { offset, ...(url === undefined ? {} : { url }) }, signal),
    referrers: (repository: RepositoryName, subject: Digest, { signal }: Io) => listReferrers(host, repository, subject, signal),
    catalog: ({ signal }: Io) => listCatalog(host, signal),
    push: (repository: RepositoryName, desc: Descriptor, open: Opener, push: PushOptions): Promise<PushOutcome> =>
      pushBlob(host, repository, desc, open, push),
    put: (repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, { signal }: Io) =>
      putManifest(host, repository, manifest, reference, signal),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}
