// Everything that clusters need to find images under their new names, from pairs of names: nobody is asked anything.
import { printHosts } from './containerd.ts'
import { printCsv } from './csv.ts'
import { printKustomize } from './kustomize.ts'
import type { Exception, MappedImage } from './mapped-image.ts'
import { printRegistriesConf } from './registries-conf.ts'
import { printRollback } from './rollback.ts'

export const mappingFormats = ['csv', 'containerd', 'registries-conf', 'kustomize', 'rollback'] as const
export type MappingFormat = typeof mappingFormats[number]

export interface MappingOptions {
  /** The destinations' certificates are not verified. */
  readonly insecure?: boolean
  /** Kustomize writes digests where the pairs know them. */
  readonly byDigest?: boolean
}

export interface Mapping {
  /** As one text each. */
  readonly texts: Readonly<Record<MappingFormat, string>>
  /** As files, by their path below a folder. */
  readonly files: ReadonlyMap<string, string>
  /** What a form cannot express; said in its text as well. */
  readonly exceptions: Readonly<Record<MappingFormat, readonly Exception[]>>
}

/** @param images of several destinations of one image, the first counts where one name has to be given */
export function createMapping(images: readonly MappedImage[], { insecure = false, byDigest = false }: MappingOptions = {}): Mapping {
  const hosts = printHosts(images, { insecure })
  const conf = printRegistriesConf(images, { insecure })
  const kustomize = printKustomize(images, { byDigest })
  const csv = printCsv(images)
  const rollback = printRollback(hosts)
  return {
    texts: { csv, containerd: hosts.map(({ text }) => text).join('\n'), 'registries-conf': conf.text, kustomize: kustomize.text, rollback },
    files: new Map([
      ['mapping.csv', csv], ...hosts.filter(({ isUseful }) => isUseful).map(({ folder, text }) => [`containerd/certs.d/${folder}/hosts.toml`, text] as const),
      ['registries.conf.d/50-longshore.conf', conf.text], ['kustomize/kustomization.yaml', kustomize.component], ['ROLLBACK.md', rollback],
    ]),
    exceptions: { csv: [], containerd: hosts.flatMap(({ exceptions }) => exceptions), 'registries-conf': conf.exceptions, kustomize: kustomize.exceptions, rollback: [] },
  }
}
