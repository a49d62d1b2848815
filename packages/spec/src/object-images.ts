// The images that one Kubernetes object names, and the digests that it says they have.
import type { Path } from './document.ts'
import { isTree, type KubernetesObject, listAt, objectsIn, textAt, type Tree, treeAt } from './kubernetes-objects.ts'

/** An image as it is written, and where. */
export interface NamedImage {
  readonly path: Path
  /** A reference; anything else where it stands in a container. */
  readonly written: unknown
  /** `container`: a runtime has to take it as it is. `field`: somebody's own resource has a field of this name. `parts`: put together from `repository` and so on. */
  readonly kind: 'container' | 'field' | 'parts'
  readonly running?: { readonly imageId: string; readonly sinceMs: number }
}

/** Groups of Kubernetes' own whose objects are known: those that hold pods do so here, all others name no images. */
const ownGroups = new Set(['', 'apps', 'batch', 'extensions', 'autoscaling', 'policy', 'events.k8s.io', 'apiextensions.k8s.io'])

const podSpecs: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'], PodTemplate: ['template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'], ReplicaSet: ['spec', 'template', 'spec'], Deployment: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'], DaemonSet: ['spec', 'template', 'spec'], Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
}

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** As pods, Argo's and Tekton's resources name those that hold containers. */
const containerKeys: ReadonlySet<PropertyKey> = new Set([...containerLists, 'container', 'steps', 'sidecars', 'sidecar', 'script'])

/** Whether it is of a kind that Kubernetes itself reads: what is wrong with its images keeps pods from starting. */
export function isOwn({ group }: KubernetesObject): boolean { return ownGroups.has(group) }

export function* imagesOf(object: KubernetesObject): Generator<NamedImage, void, void> {
  if (!isOwn(object)) {
    const { metadata: _metadata, status: _status, ...rest } = object.value
    yield* imagesIn(rest, object.path)
    return
  }
  const at = podSpecs[object.kind]
  const spec = at && treeAt(object.value, ...at)
  if (spec) yield* imagesOfPod(spec, [...object.path, ...at], object.kind === 'Pod' ? object.value : undefined)
}

function* imagesOfPod(spec: Tree, path: Path, pod: Tree | undefined): Generator<NamedImage, void, void> {
  const running = pod && runningImages(pod)
  for (const list of containerLists) {
    for (const [index, container] of listAt(spec, list).entries()) {
      // A template may leave the image to whoever fills it in.
      if (!isTree(container) || container['image'] === undefined || container['image'] === null) continue
      const known = running?.get(`${list} ${textAt(container, 'name') ?? ''}`)
      yield { path: [...path, list, index, 'image'], written: container['image'], kind: 'container', ...(known && { running: known }) }
    }
  }
  for (const [index, volume] of listAt(spec, 'volumes').entries()) {
    const reference = treeAt(volume, 'image')?.['reference']
    if (reference !== undefined && reference !== null) yield { path: [...path, 'volumes', index, 'image'], written: reference, kind: 'container' }
  }
}

const statusLists = { initContainers: 'initContainerStatuses', containers: 'containerStatuses', ephemeralContainers: 'ephemeralContainerStatuses' } as const

/** By the list that a container is in and its name. */
function runningImages(pod: Tree): ReadonlyMap<string, NonNullable<NamedImage['running']>> {
  const status = treeAt(pod, 'status')
  const podSince = textAt(status, 'startTime') ?? textAt(treeAt(pod, 'metadata'), 'creationTimestamp')
  const images = new Map<string, NonNullable<NamedImage['running']>>()
  for (const list of containerLists) {
    for (const one of listAt(status, statusLists[list])) {
      if (!isTree(one)) continue
      const imageId = textAt(one, 'imageID')
      const since = textAt(treeAt(one, 'state', 'running'), 'startedAt') ?? textAt(treeAt(one, 'state', 'terminated'), 'startedAt')
        ?? textAt(treeAt(one, 'lastState', 'terminated'), 'startedAt') ?? podSince
      const sinceMs = Date.parse(since ?? '')
      if (imageId !== undefined) images.set(`${list} ${textAt(one, 'name') ?? ''}`, { imageId, sinceMs: Number.isNaN(sinceMs) ? 0 : sinceMs })
    }
  }
  return images
}

/** Everything under a resource that is not Kubernetes' own: fields called `image`, wherever they are. */
function* imagesIn(value: unknown, path: Path): Generator<NamedImage, void, void> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* imagesIn(item, [...path, index])
    return
  }
  if (!isTree(value)) return
  for (const [key, inner] of Object.entries(value)) {
    // Schemas describe images, and name none.
    if (key === 'openAPIV3Schema') continue
    const at = [...path, key]
    // What a resource makes objects from is read as the object that it will be: the content of a ConfigMap is nobody's image there either.
    if (isTree(inner) && typeof inner['apiVersion'] === 'string' && typeof inner['kind'] === 'string') yield* imagesOfInner(inner, at)
    else if (Array.isArray(inner) && inner.some((item) => isTree(item) && typeof item['apiVersion'] === 'string' && typeof item['kind'] === 'string')) {
      for (const [index, item] of inner.entries()) yield* imagesOfInner(item, [...at, index])
    } else if (key !== 'image') yield* imagesIn(inner, at)
    else yield* imageField(inner, path, at)
  }
}

function* imagesOfInner(value: unknown, path: Path): Generator<NamedImage, void, void> {
  for (const object of objectsIn(value, () => {}, path)) yield* imagesOf(object)
}

function* imageField(value: unknown, around: Path, path: Path): Generator<NamedImage, void, void> {
  if (typeof value === 'string') {
    if (value !== '') yield { path, written: value, kind: containerKeys.has(around.findLast((part) => typeof part === 'string') ?? '') ? 'container' : 'field' }
    return
  }
  if (!isTree(value)) return
  const repository = textAt(value, 'repository')
  const reference = textAt(value, 'reference')
  if (repository !== undefined) yield { path, written: joined(value, repository), kind: 'parts' }
  else if (reference !== undefined) yield { path, written: reference, kind: 'field' }
  else yield* imagesIn(value, path)
}

/** `{registry, repository, tag, digest}`, as charts have them. */
function joined(value: Tree, repository: string): string {
  const registry = textAt(value, 'registry')
  const tag = typeof value['tag'] === 'number' ? String(value['tag']) : textAt(value, 'tag')
  const digest = textAt(value, 'digest')
  const name = registry === undefined || repository.startsWith(`${registry}/`) ? repository : `${registry}/${repository}`
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}
