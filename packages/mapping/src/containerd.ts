// containerd's hosts.toml (docs/hosts.md of containerd): for each old registry the places that are asked before it. A mirror keeps
// repository and tag; only a path may be put in front, so what was renamed otherwise cannot be reached like this.
import { printable } from '@longshore/oci'
import { stringify } from 'smol-toml'
import { type Exception, keepsReference, type MappedImage, newName, oldName, prefixOf } from './mapped-image.ts'

export interface HostsFile {
  /** Below `certs.d`: `docker.io`, `registry.example.com_5000_`. */
  readonly folder: string
  readonly registry: string
  readonly text: string
  readonly exceptions: readonly Exception[]
  /** Whether anything is mirrored at all; else the file would say nothing. */
  readonly isUseful: boolean
}

export interface ContainerdOptions {
  /** Destinations whose certificate is not verified. */
  readonly insecure: boolean
}

interface Mirror { readonly registry: string; readonly prefix: string; readonly repositories: Set<string> }

/** One file for each registry that images come from. */
export function printHosts(images: readonly MappedImage[], { insecure }: ContainerdOptions): readonly HostsFile[] {
  /** What lies at the new place, and what it was. */
  const owners = new Map<string, Set<string>>()
  for (const { source, destination } of images) {
    const place = `${destination.registry}/${destination.repository}`
    owners.set(place, (owners.get(place) ?? new Set<string>()).add(`${source.registry}/${source.repository}`))
  }
  return [...Map.groupBy(images, ({ source }) => source.registry)].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([registry, group]) => {
    const mirrors = mirrorsOf(group, owners)
    const exceptions = exceptionsOf(group, mirrors)
    return { folder: folderOf(registry), registry, exceptions, isUseful: mirrors.length > 0, text: print(registry, mirrors, exceptions, insecure) }
  })
}

/** Where a Linux containerd looks first, and other systems can have a folder too: a colon becomes `_`, and another stands behind the port. */
export function folderOf(registry: string): string { return registry.replace(/:(\d+)$/, '_$1_') }

/** The most useful first. Of a repository that two mirrors hold, the second must hold the same, or it is left out: containerd would take whichever answers. */
function mirrorsOf(images: readonly MappedImage[], owners: ReadonlyMap<string, ReadonlySet<string>>): readonly Mirror[] {
  const mirrors = new Map<string, Mirror>()
  const names = new Map<string, string>()
  for (const image of images) {
    const { source, destination } = image
    const prefix = prefixOf({ old: source, new: destination, images: [] })
    names.set(source.repository, `${source.registry}/${source.repository}`)
    if (prefix === undefined || !keepsReference(image)) continue
    const key = `${destination.registry}/${prefix}`
    const mirror = mirrors.get(key) ?? { registry: destination.registry, prefix, repositories: new Set() }
    mirrors.set(key, mirror)
    mirror.repositories.add(source.repository)
  }
  return [...mirrors.values()].toSorted((a, b) => b.repositories.size - a.repositories.size || (a.registry + a.prefix < b.registry + b.prefix ? -1 : 1)).filter((mirror) =>
    [...names].every(([repository, name]) => [...owners.get(`${mirror.registry}/${mirror.prefix === '' ? repository : `${mirror.prefix}/${repository}`}`) ?? []].every((owner) => owner === name)))
}

function exceptionsOf(images: readonly MappedImage[], mirrors: readonly Mirror[]): readonly Exception[] {
  const reached = new Set<string>()
  const missed = new Map<string, Exception>()
  for (const image of images) {
    const name = oldName(image)
    const prefix = prefixOf({ old: image.source, new: image.destination, images: [] })
    if (keepsReference(image) && mirrors.some((mirror) => mirror.registry === image.destination.registry && mirror.prefix === prefix)) reached.add(name)
    else if (!missed.has(name)) missed.set(name, { old: name, new: newName(image), why: whyNot(image, prefix) })
  }
  return [...missed.values()].filter(({ old }) => !reached.has(old))
}

function whyNot(image: MappedImage, prefix: string | undefined): string {
  if (!keepsReference(image)) return 'its tag is another one there'
  return prefix === undefined ? 'its repository was renamed' : 'another image is there under the name that a mirror would ask for'
}

function print(registry: string, mirrors: readonly Mirror[], exceptions: readonly Exception[], insecure: boolean): string {
  const folder = `/etc/containerd/certs.d/${folderOf(registry)}/hosts.toml`
  const comments = [
    `${folder}, made by longshore mapping`,
    `Images of ${registry} are asked for at the new place first, and where they are not there, at ${registry} as before.`,
    ...(exceptions.length === 0 ? [] : [
      'A mirror of containerd keeps repository and tag. It cannot reach these; change their names where they are used (mapping.csv, kustomize):',
      ...exceptions.map(({ old, new: now, why }) => `  ${old} -> ${now}: ${why}`),
    ]),
  ]
  const hosts = Object.fromEntries(mirrors.map(({ registry: host, prefix }) => [prefix === '' ? `https://${host}` : `https://${host}/v2/${prefix}`, {
    capabilities: ['pull', 'resolve'], ...(prefix === '' ? {} : { override_path: true }), ...(insecure ? { skip_verify: true } : {}),
  }]))
  const text = `${comments.map((line) => `# ${printable(line)}\n`).join('')}${stringify({ server: serverOf(registry), ...(mirrors.length > 0 ? { host: hosts } : {}) })}`
  return text.endsWith('\n') ? text : `${text}\n`
}

/** Docker Hub's API has a host of its own. */
function serverOf(registry: string): string { return `https://${registry === 'docker.io' ? 'registry-1.docker.io' : registry}` }
