// containers-registries.conf(5), version 2: for podman, CRI-O, skopeo and buildah. `location` takes the place of `prefix` in a name.
import { printable } from '@longshore/oci'
import { stringify } from 'smol-toml'
import { type Exception, keepsReference, type MappedImage, type MappedRepository, prefixOf, renamedTags, repositoriesOf } from './mapped-image.ts'

export interface RegistriesConfText { readonly text: string; readonly exceptions: readonly Exception[] }

/** A remap for each registry whose repositories all keep their path below one prefix, for each repository of the others. */
export function printRegistriesConf(images: readonly MappedImage[], { insecure }: { readonly insecure: boolean }): RegistriesConfText {
  const { repositories, exceptions: elsewhere } = repositoriesOf(images)
  const exceptions = [...elsewhere, ...renamedTags(repositories)]
  const registry = [...Map.groupBy(repositories, ({ old }) => old.registry)].flatMap(([name, group]) => remapsOf(name, group))
    .map(({ prefix, location }) => ({ prefix, location, ...(insecure ? { insecure: true } : {}) }))
  const comments = [
    '/etc/containers/registries.conf.d/50-longshore.conf, made by longshore mapping',
    'What is pulled by an old name is read at the new place, and there alone: an image of these prefixes that was not moved is not found any more.',
    'What is pushed goes to the name itself, as before.',
    ...(exceptions.length === 0 ? [] : [
      'A remap keeps tags, and one place for each repository. It cannot reach these; change their names where they are used (mapping.csv, kustomize):',
      ...exceptions.map(({ old, new: now, why }) => `  ${old} -> ${now}: ${why}`),
    ]),
  ]
  return { text: `${comments.map((line) => `# ${printable(line)}\n`).join('')}${registry.length === 0 ? '' : `\n${stringify({ registry }).trimEnd()}\n`}`, exceptions }
}

function remapsOf(registry: string, repositories: readonly MappedRepository[]): ReadonlyArray<{ readonly prefix: string; readonly location: string }> {
  const [first] = repositories
  const prefix = first && prefixOf(first)
  const isWhole = first && prefix !== undefined
    && repositories.every((one) => prefixOf(one) === prefix && one.new.registry === first.new.registry && one.images.every(keepsReference))
  if (isWhole) return [{ prefix: registry, location: prefix === '' ? first.new.registry : `${first.new.registry}/${prefix}` }]
  // A remap without a single tag that it can find would only take the old image away.
  return repositories.filter(({ images }) => images.some(keepsReference)).map(({ old, new: now }) => ({ prefix: `${old.registry}/${old.repository}`, location: `${now.registry}/${now.repository}` }))
}
