// The objects of a document: lists are taken apart, whatever they are a list of.
import type { Path } from './document.ts'

export type Tree = Readonly<Record<string, unknown>>

export interface KubernetesObject {
  /** Empty for the core group, whose apiVersion is `v1`. */
  readonly group: string
  readonly kind: string
  /** `Deployment shop/web`. */
  readonly name: string
  readonly value: Tree
  readonly path: Path
}

const longestName = 253

/** @param onStranger is told where something that is no object stands among them */
export function* objectsIn(value: unknown, onStranger: (path: Path) => void, path: Path = [], of?: Pick<Tree, 'apiVersion' | 'kind'>): Generator<KubernetesObject, void, void> {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* objectsIn(item, onStranger, [...path, index], of)
    return
  }
  if (!isTree(value)) return onStranger(path)
  const { apiVersion = of?.apiVersion, kind = of?.kind, items } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || kind === '') return onStranger(path)
  if (kind.endsWith('List') && (Array.isArray(items) || items === null)) {
    // The items of a PodList do not say that they are Pods.
    yield* objectsIn(items, onStranger, [...path, 'items'], kind === 'List' ? undefined : { apiVersion, kind: kind.slice(0, -'List'.length) })
    return
  }
  yield { group: apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '', kind, name: nameOf(kind, value), value, path }
}

export function isTree(value: unknown): value is Tree { return typeof value === 'object' && value !== null && !Array.isArray(value) }

/** What lies at `keys`, where it is a map. */
export function treeAt(value: unknown, ...keys: readonly string[]): Tree | undefined {
  const found = keys.reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), value)
  return isTree(found) ? found : undefined
}

export function listAt(value: Tree | undefined, key: string): readonly unknown[] {
  const found = value?.[key]
  return Array.isArray(found) ? found : []
}

export function textAt(value: Tree | undefined, key: string): string | undefined {
  const found = value?.[key]
  return typeof found === 'string' && found !== '' ? found : undefined
}

function nameOf(kind: string, value: Tree): string {
  const metadata = treeAt(value, 'metadata')
  const generated = textAt(metadata, 'generateName')
  const name = textAt(metadata, 'name') ?? (generated === undefined ? undefined : `${generated}…`)
  const namespace = textAt(metadata, 'namespace')
  return [kind, ...(name === undefined ? [] : [namespace === undefined ? name : `${namespace}/${name}`])].map((part) => part.slice(0, longestName)).join(' ')
}
