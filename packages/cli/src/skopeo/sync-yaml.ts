// skopeo sync --src yaml: what the file chooses, as plain ends. Where they go is not the file's business.
import { readFile } from 'node:fs/promises'
import { describeUnlisted, fromExpansion } from '@longshore/report'
import { type AccessHint, defaultContent, type Entry, expand, formatProblem, type Migration, parseSkopeoSync, SpecError } from '@longshore/spec'
import type { Io, Source } from '@longshore/transfer'
import type { End } from './copy-request.ts'
import { log } from './logrus.ts'
import { SkopeoError } from './skopeo-error.ts'

export interface YamlSync {
  readonly migration: Migration
  readonly registries: readonly string[]
  readonly access: readonly AccessHint[]
}

/** Repositories that are listed at once. */
const listings = 32

/** @throws SpecError with every problem of the file, SkopeoError when it cannot be read */
export async function readYamlSync(path: string): Promise<YamlSync> {
  let content: Buffer
  try {
    content = await readFile(path)
  } catch (error) {
    throw new SkopeoError(`Error reading sync file ${path}: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no such file or directory' : String(error)}`, 'SKOPEO_FAILED', { cause: error })
  }
  const { registries, warnings } = await parseSkopeoSync({ name: path, content })
  for (const warning of warnings) log('warning', formatProblem(warning))
  const entries = registries.flatMap(({ repositories }) => repositories.flatMap(({ registry, repository, path: written, selections }) => selections.map(({ selection, origin }): Entry => ({
    source: { kind: 'repository', registry, repository, path: written }, selection, origin, content: { ...defaultContent, referrers: false },
    // The expansion wants to know where each image goes, and that no two meet: here each stays where it is, in a world of its own.
    destinations: [{ kind: 'exact', registry: `sync:${registry}`, repository }],
  }))))
  if (entries.length === 0) throw new SpecError([{ file: path, message: 'names no images' }])
  return { migration: { entries }, registries: [...new Set(entries.map(({ source }) => source.registry))], access: registries.flatMap(({ access }) => access ?? []) }
}

/** What cannot be listed is told and counted; the others go on. */
export async function fromYaml({ migration }: YamlSync, sourceOf: (registry: string) => Source, io: Io): Promise<{ readonly ends: readonly End[]; readonly errors: number }> {
  const ends: End[] = []
  let errors = 0
  for await (const event of expand(migration, sourceOf, { concurrency: listings, ...io })) {
    if (event.kind === 'image') ends.push(event.image.source)
    else if (event.kind === 'failed') {
      const told = fromExpansion(event)
      errors++
      log('error', `Error processing repo: ${told.type === 'unlisted' ? describeUnlisted(told) : ''}`)
    }
  }
  return { ends, errors }
}
