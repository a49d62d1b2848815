// What a file of another tool comes to in a world of made-up registries.
import { readFileSync } from 'node:fs'
import type { RepositoryName, Tag } from '@longshore/oci'
import { formatEnd, type Source } from '@longshore/transfer'
import { expand } from './expand.ts'
import type { Migration } from './migration.ts'
import type { ParsedSpec } from './parse-options.ts'
import { parseSpec, type SpecOptions } from './parse-spec.ts'
import { SpecError } from './spec-error.ts'

export function fixture(path: string): string { return readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8') }

export const env = { ALIYUN_USER: 'carol', ALIYUN_PASS: 'hunter2-aliyun', HUB_USER: 'dave' }
export const surroundings: NonNullable<SpecOptions['surroundings']> = {
  env, readFile: (path) => {
    if (path !== '/run/secrets/hub_token') throw new Error('ENOENT')
    return 'hunter2-token'
  },
}

export async function read(content: string, options: SpecOptions = {}, name = 'f.yaml'): Promise<ParsedSpec> { return await parseSpec({ name, content }, { surroundings, ...options }) }

export async function complaint(content: string, options: SpecOptions = {}): Promise<string> {
  try { await read(content, options) } catch (error) {
    if (!(error instanceof SpecError)) throw error
    return error.message
  }
  throw new Error('it was taken')
}

/** Tags by `host/repository`. */
export type World = Readonly<Record<string, readonly string[]>>

export function sourceIn(world: World, registry: string): Source {
  const refuse = (): never => { throw new Error('only tags are known here') }
  return {
    registry, tags: async (repository: RepositoryName) => world[`${registry}/${repository}`] as readonly Tag[] | undefined,
    async *catalog() { for (const name of Object.keys(world)) if (name.startsWith(`${registry}/`)) yield name.slice(registry.length + 1) },
    manifest: refuse, resolve: refuse, exists: refuse, blob: refuse, referrers: refuse,
  }
}

/** `source -> destination` for every image, sorted; what failed is there too. */
export async function expansion(migration: Migration, world: World): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const event of expand(migration, (registry) => sourceIn(world, registry), { signal: new AbortController().signal, concurrency: 4 })) {
    if (event.kind === 'image') lines.push(`${formatEnd(event.image.source)} -> ${formatEnd(event.image.destination)}`)
    else if (event.kind === 'failed') lines.push(`failed: ${event.error instanceof Error ? event.error.message : String(event.error)}`)
  }
  return lines.toSorted()
}
