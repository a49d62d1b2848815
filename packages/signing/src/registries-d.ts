// Where signatures of a registry's images are kept: containers-registries.d(5).
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { type DockerName, formatDockerName } from './docker-name.ts'
import { SigningError, systemWords } from './errors.ts'

const namespace = z.strictObject({
  lookaside: z.string().optional(), 'lookaside-staging': z.string().optional(),
  // Their names before containers/image 5.23.
  sigstore: z.string().optional(), 'sigstore-staging': z.string().optional(),
  'use-sigstore-attachments': z.boolean().optional(),
})
type Namespace = z.infer<typeof namespace>
const schema = z.strictObject({ 'default-docker': namespace.nullish(), docker: z.record(z.string(), namespace.nullable()).nullish() }).nullable()

export interface ReadRegistriesDOptions {
  /** `--registries.d`. */
  readonly path?: string | undefined
  readonly home: string
  readonly uid: number
  /** Default `/`. */
  readonly root?: string
}

/**
 * The files of one directory: the one named, else the user's where it is there, else the machine's. None is a configuration too.
 * @throws SigningError SIGNATURE_STORE that names the place
 */
export async function readRegistriesD({ path, home, uid, root = '/' }: ReadRegistriesDOptions): Promise<RegistriesD> {
  const own = join(home, '.config/containers/registries.d')
  const folder = path ?? (await stat(own).then(() => true, () => false) ? own : join(root, 'etc/containers/registries.d'))
  const invalid = (file: string, why: string): SigningError => new SigningError('SIGNATURE_STORE', `${file}: ${why}`)
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw invalid(folder, systemWords(error))
  })
  const scopes = new Map<string, Namespace>()
  let byDefault: Namespace | undefined
  const from = new Map<string, string>()
  const claim = (what: string, file: string): void => {
    const other = from.get(what)
    if (other !== undefined) throw new SigningError('SIGNATURE_STORE', `Error parsing signature storage configuration: ${what} defined both in "${other}" and "${file}"`)
    from.set(what, file)
  }
  for (const name of names.filter((name) => name.endsWith('.yaml')).sort()) {
    const file = join(folder, name)
    const document = parseDocument(await readFile(file, 'utf8').catch((error: unknown) => { throw invalid(file, systemWords(error)) }), { uniqueKeys: true, stringKeys: true })
    const [trouble] = [...document.errors, ...document.warnings]
    if (trouble) throw invalid(file, trouble.message.split('\n', 1)[0] ?? 'not YAML')
    const { success, data, error } = schema.safeParse(document.toJS({ maxAliasCount: 100 }))
    if (!success) throw invalid(file, error.issues.map(({ path, message }) => [path.join('.'), message].filter((part) => part !== '').join(': ')).join('; '))
    if (data?.['default-docker']) {
      claim('"default-docker"', file)
      byDefault = data['default-docker']
    }
    for (const [scope, value] of Object.entries(data?.docker ?? {})) {
      claim(`"docker" namespace "${scope}"`, file)
      scopes.set(scope, value ?? {})
    }
  }
  // Upstream's own places, where none is configured.
  return new RegistriesD(scopes, byDefault, `file://${uid === 0 ? join(root, 'var/lib/containers/sigstore') : join(home, '.local/share/containers/sigstore')}`)
}

export class RegistriesD {
  readonly #scopes: ReadonlyMap<string, Namespace>
  readonly #byDefault: Namespace | undefined
  readonly #builtIn: string

  constructor(scopes: ReadonlyMap<string, Namespace>, byDefault: Namespace | undefined, builtIn: string) {
    this.#scopes = scopes
    this.#byDefault = byDefault
    this.#builtIn = builtIn
  }

  /** The URL below which the signatures of this image's registry lie, without a slash at the end. @throws SigningError SIGNATURE_STORE */
  lookaside(image: DockerName, mode: 'read' | 'write'): URL {
    const text = this.#first(image, (section) => (mode === 'write' ? [section['lookaside-staging'], section['sigstore-staging']] : []).concat(section.lookaside, section.sigstore).find((value) => value !== undefined && value !== '')) ?? this.#builtIn
    const url = URL.parse(text)
    if (!url || !['file:', 'http:', 'https:'].includes(url.protocol) || (url.protocol === 'file:' && url.hostname !== '')) {
      throw new SigningError('SIGNATURE_STORE', `Invalid signature storage URL of ${formatDockerName(image)} in registries.d: write file:///PATH, http://… or https://…`)
    }
    url.pathname = url.pathname.replace(/\/+$/, '')
    return url
  }

  /** Whether cosign's attachments are read and written. */
  usesAttachments(image: DockerName): boolean { return this.#first(image, (section) => section['use-sigstore-attachments']) ?? false }

  /** As upstream does it, and other than its manual says: a scope that does not say it leaves it to the next one. */
  #first<T>(image: DockerName, pick: (section: Namespace) => T | undefined): T | undefined {
    for (const scope of [formatDockerName(image), ...parents(image.name)]) {
      const section = this.#scopes.get(scope)
      const value = section && pick(section)
      if (value !== undefined) return value
    }
    return this.#byDefault && pick(this.#byDefault)
  }
}

function parents(name: string): readonly string[] {
  const parts = name.split('/')
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/'))
}
