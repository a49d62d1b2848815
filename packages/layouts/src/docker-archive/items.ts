// manifest.json of an archive of images: Docker image-spec v1.2, "Combined Image JSON + Filesystem Changeset Format".
import { dockerName, InvalidReferenceError, type Tag } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { isObject, isStrings, parseJson } from '../json.ts'
import type { TarFile } from '../tar/tar-file.ts'

export interface Item {
  /** Paths in the archive. */
  readonly config: string
  readonly layers: readonly string[]
  /** As they are written there. */
  readonly repoTags: readonly Tag[]
  /** The same in full: `docker.io/library/alpine:3.19`. */
  readonly fullTags: readonly Tag[]
}

/** @throws LayoutError LAYOUT_INVALID, ARCHIVE_HOSTILE */
export async function readItems(tar: TarFile): Promise<readonly Item[]> {
  const bytes = await tar.document('manifest.json')
  if (bytes === undefined) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: manifest.json is missing${likelier(tar)}`)
  const json = parseJson(bytes, `${tar.what}: manifest.json`)
  if (!Array.isArray(json)) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: manifest.json is no list of images`)
  return json.map((item: unknown, at) => {
    const what = `${tar.what}: item @${at} of manifest.json`
    if (!isObject(item)) throw new LayoutError('LAYOUT_INVALID', `${what} is no object`)
    const { Config: config, RepoTags: repoTags = null, Layers: layers = null } = item
    if (typeof config !== 'string' || config === '') throw new LayoutError('LAYOUT_INVALID', `${what} names no Config`)
    if (repoTags !== null && !isStrings(repoTags)) throw new LayoutError('LAYOUT_INVALID', `${what}: RepoTags is no list of names`)
    if (layers !== null && !isStrings(layers)) throw new LayoutError('LAYOUT_INVALID', `${what}: Layers is no list of paths`)
    return { config, layers: layers ?? [], repoTags: (repoTags ?? []) as readonly Tag[], fullTags: (repoTags ?? []).map((tag) => fullName(tag, what)) }
  })
}

function fullName(tag: string, what: string): Tag {
  try {
    return dockerName(tag, tag)
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    throw new LayoutError('LAYOUT_INVALID', `${what}: Invalid tag ${JSON.stringify(tag)} (${error.message})`, error)
  }
}

/** What a file without manifest.json is instead. */
function likelier({ index }: TarFile): string {
  if (index.file('oci-layout') || index.file('index.json')) return '; this is an OCI archive: read it as oci-archive:PATH'
  if (index.file('repositories')) return '; only the form of before Docker 1.10 is there, which is not read: load it with an old docker and save it anew'
  return ', so this is no archive of "docker save"; a file system in a tar file is read as tarball:PATH'
}

/**
 * The item that a reference names: `a:1` in full or as it is written there, `@index`, or '' for the only one there is. The wording is that of
 * containers/image, docker/internal/tarfile/reader.go.
 * @throws LayoutError LAYOUT_MISSING when there are several to choose from, or fewer than `@index` says
 */
export function chooseItem(items: readonly Item[], reference: string, what: string): Item | undefined {
  if (reference === '') {
    if (items.length === 1) return items[0]
    throw new LayoutError('LAYOUT_MISSING', `${what}: Unexpected tar manifest.json: expected 1 item, got ${items.length}${items.length === 0 ? '' : `; name one of ${itemNames(items).join(', ')}`}`)
  }
  if (!reference.startsWith('@')) return items.find(({ repoTags, fullTags }) => fullTags.includes(reference as Tag) || repoTags.includes(reference as Tag))
  if (!/^@[0-9]+$/.test(reference)) throw new LayoutError('LAYOUT_MISSING', `${what}: Invalid source index ${reference}: write a number behind the @, from 0 on`)
  const item = items[Number(reference.slice(1))]
  if (item === undefined) throw new LayoutError('LAYOUT_MISSING', `${what}: Invalid source index ${reference}, only ${items.length} manifest items available`)
  return item
}

/** All names in order; an image without any is its place. */
export function itemNames(items: readonly Item[]): readonly Tag[] {
  return items.flatMap(({ repoTags }, at) => (repoTags.length === 0 ? [`@${at}` as Tag] : repoTags))
}
