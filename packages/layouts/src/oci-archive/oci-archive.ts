import type { Layout, LayoutOptions } from '../layout.ts'
import { OciLayout } from '../oci/layout.ts'
import { ArchiveReadStore } from './read-store.ts'
import { ArchiveWriteStore } from './write-store.ts'

/**
 * An OCI image layout in a tar file. To be read (`readOnly`), plain or compressed; else it is written, and replaces what is there under
 * its name when it is finished. Nothing is looked at or made until something is asked for.
 * @param registry `oci-archive:/absolute/path`
 */
export function openOciArchive(registry: string, options: LayoutOptions = {}): Layout {
  return new OciLayout(registry, options, options.readOnly === true ? new ArchiveReadStore(registry, options) : new ArchiveWriteStore(registry, options))
}
