// Kubernetes' own YAML and JSON as an images list: what objects name, each image once, with the objects that asked for it.
// docs/spec.md, "Kubernetes", has the rules.
import { type Digest, InvalidReferenceError, isDigest, parseTag, type RepositoryName, type Tag } from '@longshore/oci'
import type { Asker } from '@longshore/transfer'
import { readDocuments } from './kubernetes-documents.ts'
import { objectsIn } from './kubernetes-objects.ts'
import { imagesOf, isOwn, type NamedImage } from './object-images.ts'
import { mention } from './images-list.ts'
import { dockerHub, splitName } from './place.ts'
import { type Problem, quoted, SpecError } from './spec-error.ts'

/** One naming of an image by one object. */
export interface AskedImage {
  /** As it is written. */
  readonly registry: string
  /** Docker Hub's official images have their `library/`. */
  readonly path: RepositoryName
  readonly tag?: Tag
  readonly digest?: Digest
  /** What a container by this name runs, by its pod's status. */
  readonly running?: { readonly digest: Digest; readonly sinceMs: number }
  readonly asker: Asker & { readonly object: string }
}

export interface AskedImages { readonly images: readonly AskedImage[]; readonly warnings: readonly Problem[] }

/** @throws SpecError with everything that is wrong with the file */
export function readKubernetes(file: string, text: string): AskedImages {
  const images: AskedImage[] = []
  const problems: Problem[] = []
  const warnings = new Warnings(file)
  for (const document of readDocuments(file, text)) {
    const strangers: Problem[] = []
    for (const object of objectsIn(document.value, (path) => strangers.push({ file, ...document.at(path), message: 'is no Kubernetes object: it has no apiVersion and kind' }))) {
      for (const named of imagesOf(object)) {
        const at = document.atKey(named.path)
        const asker = { file, line: at.line, object: object.name }
        const read = readName(named)
        if ('image' in read) {
          if (read.untagged !== undefined) warnings.add({ ...at, message: `${quoted(read.untagged)} has no tag: taken as ${read.untagged}:latest (${object.name})` }, `untagged ${read.untagged}`)
          if (read.elsewhere !== undefined) warnings.add({ ...at, message: `${object.name} runs ${quoted(read.elsewhere)}, which is of another repository than the ${quoted(String(named.written))} that it names: read by its tag instead` }, `elsewhere ${read.elsewhere} ${String(named.written)}`)
          images.push({ ...read.image, asker })
        } else if (isOwn(object) && !read.isEmpty) problems.push({ file, ...at, message: `${read.why} (${object.name})` })
        else warnings.add({ ...at, message: `left out: ${read.why} (${object.name})` }, `left out ${object.kind} ${read.why}`)
      }
    }
    problems.push(...strangers)
  }
  if (problems.length > 0) throw new SpecError(problems)
  return { images, warnings: warnings.all() }
}

type ReadName =
  | { readonly image: Omit<AskedImage, 'asker'>; readonly untagged?: string; readonly elsewhere?: string }
  | { readonly why: string; readonly isEmpty: boolean }

function readName({ written, kind, running }: NamedImage): ReadName {
  if (typeof written !== 'string') return { why: 'an image has to be text', isEmpty: false }
  if (written.trim() === '') return { why: 'the image is empty', isEmpty: true }
  try {
    const { registry, path, tag, digest, isBare } = splitKubernetesName(written)
    if (kind === 'parts' && tag === undefined && digest === undefined) return { why: `${quoted(written)} has neither tag nor digest: which one is used is known to its controller alone`, isEmpty: false }
    if (kind === 'field' && isBare) return { why: `${quoted(written)} has neither registry nor tag nor digest, so it may be something else: name it in a list if it is an image`, isEmpty: false }
    if (digest !== undefined) return { image: { registry, path, digest, ...(tag === undefined ? {} : { tag }) } }
    const image = { registry, path, tag: tag ?? parseTag('latest') }
    const runs = running && digestOf(running.imageId)
    const isSame = runs?.registry === registry && runs.path === path
    return {
      image: { ...image, ...(runs && running && isSame ? { running: { digest: runs.digest, sinceMs: running.sinceMs } } : {}) },
      ...(tag === undefined && !(runs && isSame) ? { untagged: written } : {}), ...(runs && running && !isSame ? { elsewhere: running.imageId } : {}),
    }
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    return { why: mention(written, error), isEmpty: false }
  }
}

/** `nginx` is docker.io/library/nginx. @throws InvalidReferenceError */
function splitKubernetesName(written: string): { readonly registry: string; readonly path: RepositoryName; readonly tag: Tag | undefined; readonly digest: Digest | undefined; readonly isBare: boolean } {
  const { registry, repository, tag, digest } = splitName(written)
  const isOfHub = registry === undefined || registry === dockerHub.registry
  return {
    registry: registry ?? dockerHub.registry, path: isOfHub && !repository.includes('/') ? `library/${repository}` as RepositoryName : repository, tag, digest,
    isBare: registry === undefined && tag === undefined && digest === undefined,
  }
}

/** Of `name@sha256:…` and `docker-pullable://name@sha256:…`; a bare `sha256:…` is the image's configuration, by which no registry knows it. */
function digestOf(imageId: string): { readonly registry: string; readonly path: RepositoryName; readonly digest: Digest } | undefined {
  const name = imageId.replace(/^docker-pullable:\/\//, '')
  const at = name.lastIndexOf('@')
  const digest = name.slice(at + 1)
  if (at <= 0 || !isDigest(digest)) return undefined
  try {
    const { registry, path } = splitKubernetesName(name.slice(0, at))
    return { registry, path, digest }
  } catch (error) {
    if (error instanceof InvalidReferenceError) return undefined
    throw error
  }
}

/** However often there is the same to say, it is said once, at the first place. */
class Warnings {
  readonly #file: string
  readonly #told = new Map<string, { readonly problem: Problem; count: number }>()
  constructor(file: string) { this.#file = file }

  add(problem: Omit<Problem, 'file'>, same: string): void {
    const known = this.#told.get(same)
    if (known) known.count++
    else this.#told.set(same, { problem: { file: this.#file, ...problem }, count: 1 })
  }

  all(): readonly Problem[] {
    return [...this.#told.values()].map(({ problem, count }) => (count === 1 ? problem : { ...problem, message: `${problem.message} (and ${count - 1} more)` }))
  }
}
