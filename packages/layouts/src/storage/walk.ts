import { readdir } from 'node:fs/promises'
import { type Descriptor, type Digest, InvalidManifestError, isDigest, isRepositoryName, type Manifest, type RepositoryName } from '@longshore/oci'
import { referrerOf } from '../manifests.ts'
import { fileFailure } from '../problem.ts'
import { namesIn, type Tree } from '../tree.ts'
import { repositoriesFolder, revisionLink, revisionsFolder } from './paths.ts'

/** A repository is a folder with folders of the registry's own (`_layers`, `_manifests`); others may be below it. Links are not followed. */
export async function* repositoriesBelow(tree: Tree, path: string, signal: AbortSignal): AsyncGenerator<string> {
  signal.throwIfAborted()
  const entries = await readdir(tree.path(repositoriesFolder, path), { withFileTypes: true }).catch((error: unknown) => { throw fileFailure(tree.place, `listing ${path}`, error) })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort()
  if (folders.some((name) => name === '_layers' || name === '_manifests') && isRepositoryName(path)) yield path
  for (const name of folders) if (!name.startsWith('_')) yield* repositoriesBelow(tree, path === '' ? name : `${path}/${name}`, signal)
}

/** Every manifest of the repository with a subject, by that. A manifest that cannot be read is nobody's referrer: it fails when it is asked for. */
export async function referrersIn(tree: Tree, repository: RepositoryName, read: (digest: Digest) => Promise<Manifest | undefined>): Promise<ReadonlyMap<Digest, readonly Descriptor[]>> {
  const found = new Map<Digest, Descriptor[]>()
  for (const algorithm of ['sha256', 'sha512']) {
    for (const hex of await namesIn(tree, revisionsFolder(repository, algorithm)) ?? []) {
      const digest = `${algorithm}:${hex}`
      if (!isDigest(digest) || !await tree.find(revisionLink(repository, digest))) continue
      const manifest = await read(digest).catch((error: unknown) => {
        if (error instanceof InvalidManifestError) return undefined
        throw error
      })
      if (!manifest?.subject) continue
      const { digest: subject } = manifest.subject
      const list = found.get(subject)
      if (list) list.push(referrerOf(manifest))
      else found.set(subject, [referrerOf(manifest)])
    }
  }
  return found
}
