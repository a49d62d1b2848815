import { readdir } from 'node:fs/promises'
import { fileFailure } from '../problem.ts'
import type { Tree } from '../tree.ts'
import { manifestFile } from './names.ts'

/** Each directory that holds a manifest.json, as a path below the base; not what is below such a directory, nor what links lead to. */
export async function* imagesBelow(tree: Tree, folder: string, signal: AbortSignal): AsyncGenerator<string> {
  signal.throwIfAborted()
  const entries = await readdir(tree.path(folder), { withFileTypes: true }).catch((error: unknown) => { throw fileFailure(tree.place, `listing ${folder}`, error) })
  if (entries.some((entry) => entry.name === manifestFile)) {
    yield folder
    return
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) yield* imagesBelow(tree, folder === '' ? entry.name : `${folder}/${entry.name}`, signal)
  }
}
