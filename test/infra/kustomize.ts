// Rendered manifests, and whether Kubernetes would take them.
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { findKubectl, root, run } from './tools.ts'

/** As it comes from YAML; each test reads of it what it is about. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: Json
  readonly data?: Readonly<Record<string, string>>
  readonly automountServiceAccountToken?: boolean
}

const rendered = new Map<string, Promise<readonly KubeObject[]>>()
let kubectl: Promise<string> | undefined

/** @param folder a kustomization, below infra/kubernetes or anywhere */
export async function render(folder: string): Promise<readonly KubeObject[]> {
  const path = join(root, 'infra/kubernetes', folder)
  let objects = rendered.get(path)
  if (!objects) rendered.set(path, objects = build(folder.startsWith('/') ? folder : path))
  return objects
}

async function build(path: string): Promise<readonly KubeObject[]> {
  kubectl ??= findKubectl()
  const { stdout, stderr } = await run(await kubectl, ['kustomize', path])
  // Deprecated fields and the like.
  if (stderr !== '') throw new Error(`kubectl kustomize ${path} warns: ${stderr}`)
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
}

interface Model { validate(this: unknown): void }

/** Everything that Kubernetes would refuse in it, or silently drop. */
export async function problemsOf(object: KubeObject): Promise<readonly string[]> {
  const name = `${object.kind} ${object.metadata.name}`
  const model = await modelOf(object)
  if (!model) return [`${name}: there is no ${object.apiVersion} ${object.kind}`]
  const { asked, watched } = watch(object)
  const problems: string[] = []
  try {
    model.validate.call(watched)
  } catch (error) {
    const { errors } = error as { errors?: ReadonlyArray<{ instancePath: string; message?: string }> }
    if (!errors) throw error
    problems.push(...errors.map(({ instancePath, message }) => `${instancePath} ${message}`))
  }
  // Schemas of Kubernetes let unknown fields pass, and so would a typing mistake.
  problems.push(...fieldsOf(object, '').filter((path) => !asked.has(path)).map((path) => `${path} is no field`))
  return problems.map((problem) => `${name}: ${problem}`)
}

async function modelOf({ apiVersion, kind }: KubeObject): Promise<Model | undefined> {
  const library = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : apiVersion.startsWith('monitoring.coreos.com/') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'
  try {
    return (await import(`${library}/${apiVersion}/${kind}`) as Record<string, { prototype: Model }>)[kind]?.prototype
  } catch (error) {
    if (/not exported|not defined by "exports"|Cannot find|Missing/.test(String(error))) return undefined
    throw error
  }
}

/** A compiled schema asks the object for every field that it knows: those that it never asks for it does not know. */
function watch(object: object): { readonly asked: ReadonlySet<string>; readonly watched: object } {
  const asked = new Set<string>()
  const wrap = (value: object, path: string): object => new Proxy(value, {
    get(target, key, receiver) {
      const inner: unknown = Reflect.get(target, key, receiver)
      if (typeof key !== 'string') return inner
      asked.add(`${path}/${key}`)
      return typeof inner === 'object' && inner !== null ? wrap(inner, `${path}/${key}`) : inner
    },
  })
  return { asked, watched: wrap(object, '') }
}

function fieldsOf(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [...(Array.isArray(value) ? [] : [`${path}/${key}`]), ...fieldsOf(inner, `${path}/${key}`)])
}
