// Places that are no registries: folders and files of this machine, and its engines. Each kind is loaded when it is named.
import { type Layout, type LayoutSource, openLayout } from '@longshore/layouts'
import { transportOf } from '@longshore/oci'

export interface PlaceOptions {
  /** It is read from: that it is not there is an error. */
  readonly readOnly: boolean
  /** For what has to be unpacked, or put together, on the way. */
  readonly tmpdir: string
  readonly sharedBlobDir?: string
  readonly daemonHost?: string
  readonly tlsVerify?: boolean
  readonly certDir?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Layers of a docker-archive, or of a daemon, are called what skopeo calls them, so that the manifest made of it is the one that skopeo shows. */
  readonly layersAsSkopeo?: boolean
  /** An index may come without some of its children. */
  readonly sparse?: boolean
}

/** @throws LayoutError, EngineError */
export async function openPlace(registry: string, options: PlaceOptions): Promise<Layout | LayoutSource> {
  const { readOnly, tmpdir, sharedBlobDir, daemonHost, tlsVerify, certDir, env, sparse, layersAsSkopeo } = options
  switch (transportOf(registry)) {
    case 'docker-daemon': {
      const { openDockerDaemon, openDockerDaemonSource } = await import('@longshore/engines')
      const host = daemonHost ?? env['DOCKER_HOST']
      return (readOnly ? openDockerDaemonSource : openDockerDaemon)(registry, {
        tmpdir, ...(layersAsSkopeo === undefined ? {} : { layersAsSkopeo }), ...(host === undefined || host === '' ? {} : { host }), ...(tlsVerify === undefined ? {} : { tlsVerify }), ...(certDir === undefined ? {} : { certDir }),
      })
    }
    case 'containers-storage': {
      const { openContainersStorage, openContainersStorageSource } = await import('@longshore/engines')
      return (readOnly ? openContainersStorageSource : openContainersStorage)(registry, { tmpdir })
    }
    case 'dir':
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
    case 'registry-storage':
    case 'tarball':
    case 'docker': return openLayout(registry, { readOnly, tmpdir, ...(sharedBlobDir === undefined ? {} : { sharedBlobDir }), ...(sparse === undefined ? {} : { sparse }), ...(layersAsSkopeo === undefined ? {} : { layersAsSkopeo }) })
  }
}
