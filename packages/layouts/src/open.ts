import { transportOf } from '@longshore/oci'
import { openDir } from './dir/layout.ts'
import { LayoutError } from './errors.ts'
import type { Layout, LayoutOptions } from './layout.ts'
import { openOciLayout } from './oci/layout.ts'
import { openRegistryStorage } from './storage/layout.ts'

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
    case 'oci-archive':
    case 'docker-archive':
    case 'tarball':
    case 'docker':
    case 'docker-daemon':
    case 'containers-storage': throw new LayoutError('LAYOUT_REFUSED', `${registry}: ${transport} is no folder of files`)
  }
}
