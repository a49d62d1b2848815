import type { Migration } from './migration.ts'
import type { Problem } from './spec-error.ts'

/** The native YAML that means the same. @param comments stand at its beginning: what was left out */
export async function printNativeSpec(migration: Migration, comments: readonly Problem[]): Promise<string> {
  const { printNativeSpec: print } = await import('./convert.ts')
  return print(migration, comments)
}
