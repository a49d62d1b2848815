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
  // Most machines have none, or one that is all comments: those do not load a parser.
  if (!found.some(saysSomething)) return undefined
  const { parseRegistriesConf } = await import('./parse.ts')
  return mergeFiles(found.map(({ path, text }): ConfFile => parseRegistriesConf(path, text)))
}

function saysSomething({ text }: FoundFile): boolean { return /^[^\S\n]*[^#\s]/m.test(text) }
