import { mergeFiles, type RegistriesConf } from './conf.ts'
import type { ConfFile } from './entry.ts'
import { findFiles, findShortNames, type FoundFile, type RegistriesConfOptions } from './files.ts'

/**
 * Finds, reads and merges the files.
 * @returns `undefined` where there are none, or where they say nothing
 * @throws RegistriesConfError
 */
export async function readRegistriesConf(options: RegistriesConfOptions): Promise<RegistriesConf | undefined> {
  const found = [...await findFiles(options)]
  const noted = options.shortNames === true ? await findShortNames(options) : undefined
  if (noted) found.push(noted)
  // Most machines have none, or one that is all comments, and a distribution's list of short names: those do not load a parser.
  if (!found.some((file) => saysSomething(file, options.shortNames === true))) return undefined
  const { parseRegistriesConf } = await import('./parse.ts')
  return mergeFiles(found.map(({ path, text }): ConfFile => parseRegistriesConf(path, text)))
}

/** Aliases alone say nothing to whoever does not ask for them. */
function saysSomething({ text }: FoundFile, aliasesCount: boolean): boolean {
  const [first, ...rest] = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  return first !== undefined && (aliasesCount || first !== '[aliases]' || rest.some((line) => line.startsWith('[')))
}
