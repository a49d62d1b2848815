// Which files are read, in containers/image's order; pure but for looking whether they are there.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RegistriesConfError } from './errors.ts'

export interface RegistriesConfOptions {
  /** `--registries-conf`: takes the place of the user's and the system's file; the drop-ins are read still. */
  readonly path?: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly uid: number
  /** Where the machine's files are; `/etc/containers`. */
  readonly systemDir?: string
  /** Reads the aliases as well that podman has recorded by itself. */
  readonly shortNames?: boolean
}

export interface FoundFile { readonly path: string; readonly text: string }

/** The main file, then the drop-ins, each overruling those before it. A file that was named and is not there is an error. */
export async function findFiles(options: RegistriesConfOptions): Promise<readonly FoundFile[]> {
  const { env, home, systemDir = '/etc/containers' } = options
  const override = nonEmpty(env['CONTAINERS_REGISTRIES_CONF_OVERRIDE'])
  const last = override === undefined ? [] : [await named(override, 'CONTAINERS_REGISTRIES_CONF_OVERRIDE')]
  const only = options.path === undefined ? nonEmpty(env['CONTAINERS_REGISTRIES_CONF']) : undefined
  // The variable stands for the whole configuration, drop-ins and all; the flag for the main file.
  if (only !== undefined) return [await named(only, 'CONTAINERS_REGISTRIES_CONF'), ...last]
  const userDir = join(home, '.config/containers')
  const chosen = options.path === undefined ? undefined : await named(options.path, '--registries-conf')
  const user = chosen ? undefined : await readIfThere(join(userDir, 'registries.conf'))
  const main = chosen ?? user ?? await readIfThere(join(systemDir, 'registries.conf'))
  const folders = [...(user ? [] : [systemDir]), userDir].map((folder) => join(folder, 'registries.conf.d'))
  const dropIns = (await Promise.all(folders.map((folder) => dropInsOf(folder)))).flat()
  return [...(main ? [main] : []), ...dropIns, ...last]
}

/** What podman has noted after asking a person; it overrules the other files. */
export async function findShortNames({ env, home, uid }: RegistriesConfOptions): Promise<FoundFile | undefined> {
  const cache = uid === 0 ? '/var/cache' : nonEmpty(env['XDG_CACHE_HOME']) ?? join(home, '.cache')
  return readIfThere(join(cache, 'containers/short-name-aliases.conf'))
}

async function dropInsOf(folder: string): Promise<readonly FoundFile[]> {
  let names: readonly string[]
  try {
    names = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isDirectory() && entry.name.endsWith('.conf')).map(({ name }) => name)
  } catch (error) {
    if (isAbsent(error)) return []
    throw new RegistriesConfError(`${folder} cannot be read (${codeOf(error)})`, error)
  }
  // By bytes, as Go sorts.
  const paths = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((name) => join(folder, name))
  return (await Promise.all(paths.map((path) => readIfThere(path)))).filter((file) => file !== undefined)
}

async function named(path: string, by: string): Promise<FoundFile> {
  const file = await readIfThere(path)
  if (!file) throw new RegistriesConfError(`there is no registries.conf ${path}: correct ${by}`)
  return file
}

async function readIfThere(path: string): Promise<FoundFile | undefined> {
  try {
    return { path, text: await readFile(path, 'utf8') }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw new RegistriesConfError(`${path} cannot be read (${codeOf(error)})`, error)
  }
}

function codeOf(error: unknown): string { return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error' }
function isAbsent(error: unknown): boolean { return ['ENOENT', 'ENOTDIR'].includes(codeOf(error)) }
function nonEmpty(text: string | undefined): string | undefined { return text === '' ? undefined : text }
