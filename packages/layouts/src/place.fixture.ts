import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RepositoryName, Tag } from '@longshore/oci'

const run = promisify(execFile)

export const none = '' as RepositoryName
export const tag = (name: string): Tag => name as Tag
export const io = { signal: new AbortController().signal }

/** A directory of its own for a test. */
export async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-layout-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Debian's skopeo 1.9.3; answers what it printed. */
export async function skopeo(...args: readonly string[]): Promise<string> {
  return (await run('skopeo', ['--insecure-policy', ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout
}
