import { transportOf } from '@longshore/oci'
import { openDir } from './dir/layout.ts'
import { openDockerArchive } from './docker-archive/docker-archive-source.ts'
import { createDockerArchive } from './docker-archive/docker-archive-target.ts'
import { LayoutError } from './errors.ts'
import type { Layout, LayoutOptions } from './layout.ts'
import { LazyLayout } from './lazy.ts'
import { openOciArchive } from './oci-archive/oci-archive.ts'
import { openOciLayout } from './oci/layout.ts'
import { openRegistryStorage } from './storage/layout.ts'
import { openTarball } from './tarball/tarball-source.ts'

/**
 * Opens the place that a client's name (`TRANSPORT:PLACE`) stands for. Nothing is looked at before something is asked for.
 * @throws LayoutError when its transport is none of these
 */
export function openLayout(registry: string, options: LayoutOptions = {}): Layout {
  const transport = transportOf(registry)
  switch (transport) {
    case 'dir': return openDir(registry, options)
    case 'oci': return openOciLayout(registry, options)
    case 'registry-storage': return openRegistryStorage(registry, options)
    case 'oci-archive': return openOciArchive(registry, options)
    case 'docker-archive': return new LazyLayout(registry, (signal) => (options.readOnly === true ? openDockerArchive(registry, { ...options, signal }) : createDockerArchive(registry, { ...options, signal })))
    case 'tarball': return new LazyLayout(registry, (signal) => openTarball(registry, { ...options, signal }))
    case 'docker':
    case 'docker-daemon':
    case 'containers-storage': throw new LayoutError('LAYOUT_REFUSED', `${registry}: ${transport} is no file or folder`)
  }
}
