// Kustomize's `images:`: names are changed where they are used. It goes by the name as it is written, so Docker Hub's images stand there
// in every spelling, and it knows one tag and one digest for a name.
import { isDigest, printable } from '@longshore/oci'
import { stringify } from 'yaml'
import { type Exception, keepsReference, type MappedImage, type MappedRepository, newName, oldName, repositoriesOf } from './mapped-image.ts'

export interface KustomizeOptions {
  /** Write the digest where the spec knows it, and the name has only one. */
  readonly byDigest: boolean
}

export interface KustomizeText { readonly text: string; readonly component: string; readonly exceptions: readonly Exception[] }

interface Transformer { readonly name: string; readonly newName: string; readonly newTag?: string; readonly digest?: string }

/** `text` is the block alone, `component` a Kustomize component with it. */
export function printKustomize(images: readonly MappedImage[], options: KustomizeOptions): KustomizeText {
  const { repositories, exceptions: elsewhere } = repositoriesOf(images)
  const exceptions = [...elsewhere]
  const entries = repositories.flatMap((repository): readonly Transformer[] => {
    const more = referenceOf(repository, options, exceptions)
    return spellingsOf(repository.old).map((name) => ({ name, newName: `${repository.new.registry}/${repository.new.repository}`, ...more }))
  })
  const comments = exceptions.length === 0 ? '' : [
    'Kustomize knows one new name and one new tag for a name. Change these by hand:', ...exceptions.map(({ old, new: now, why }) => `  ${old} -> ${now}: ${why}`),
  ].map((line) => `# ${printable(line)}\n`).join('')
  const text = `${comments}${stringify({ images: entries }, { lineWidth: 0 })}`
  return { text, component: `# Made by longshore mapping. In a kustomization.yaml: components: [PATH-OF-THIS-FOLDER]\n${stringify({ apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component' })}${text}`, exceptions }
}

function referenceOf({ images }: MappedRepository, { byDigest }: KustomizeOptions, exceptions: Exception[]): Pick<Transformer, 'newTag' | 'digest'> {
  const [only] = images
  if (images.length === 1 && only) {
    const digest = [only.source.reference, only.destination.reference].find(isDigest)
    if (byDigest && digest !== undefined) return { digest }
    return keepsReference(only) || isDigest(only.destination.reference) ? {} : { newTag: only.destination.reference }
  }
  for (const image of images) if (!keepsReference(image)) exceptions.push({ old: oldName(image), new: newName(image), why: 'its tag is another one there, and its name has other tags' })
  return {}
}

/** How manifests write it. */
function spellingsOf({ registry, repository }: MappedRepository['old']): readonly string[] {
  if (registry !== 'docker.io') return [`${registry}/${repository}`]
  const short = repository.startsWith('library/') ? [repository.slice('library/'.length)] : []
  return [...short, repository, ...short.map((name) => `docker.io/${name}`), `docker.io/${repository}`]
}
