// Who may import whom. The rule is data; a breach is printed with the file that commits it.
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Our packages that each package's sources may import. Tests and their fixtures may import `testing` and the in-memory runtimes besides. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  concurrency: [],
  transfer: ['oci', 'concurrency'],
  redis: ['oci', 'concurrency'],
  ledger: ['oci', 'transfer', 'redis'],
  queue: ['oci', 'transfer', 'redis'],
  credentials: ['oci'],
  registry: ['oci', 'concurrency', 'transfer'],
  layouts: ['oci', 'concurrency', 'transfer'],
  engines: ['oci', 'concurrency', 'transfer', 'layouts'],
  transform: ['oci', 'concurrency', 'transfer'],
  signing: ['oci', 'concurrency', 'transfer'],
  'registries-conf': ['oci', 'transfer'],
  access: ['oci', 'concurrency', 'transfer', 'registry', 'credentials', 'registries-conf', 'harbor'],
  spec: ['oci', 'concurrency', 'transfer'],
  report: ['oci', 'transfer', 'spec'],
  mapping: ['oci', 'transfer'],
  hooks: ['oci', 'concurrency', 'spec'],
  harbor: ['oci', 'concurrency', 'transfer', 'spec'],
  prepare: ['oci', 'concurrency', 'transfer', 'spec', 'hooks', 'harbor'],
  cutover: ['oci', 'concurrency', 'transfer', 'spec', 'report', 'hooks', 'signing'],
  pool: ['oci', 'concurrency', 'transfer', 'redis', 'ledger', 'queue', 'registry', 'access', 'spec', 'report', 'cutover', 'signing', 'prepare'],
  telemetry: ['oci', 'transfer'],
  testing: ['oci', 'transfer', 'spec', 'cutover'],
  cli: ['oci', 'concurrency', 'transfer', 'registry', 'credentials', 'access', 'spec', 'report', 'ledger', 'queue', 'redis', 'pool', 'telemetry', 'worker', 'coordinator', 'layouts', 'engines', 'transform', 'signing', 'registries-conf', 'hooks', 'harbor', 'prepare', 'cutover', 'mapping'],
  worker: ['oci', 'transfer', 'access', 'redis', 'pool', 'telemetry'],
  coordinator: ['oci', 'transfer', 'access', 'spec', 'report', 'redis', 'queue', 'pool', 'telemetry', 'cutover', 'hooks', 'prepare'],
}

/** Third-party modules, each at home in one package, YAML and HTTP in two (`testing` and tests have their own). */
const homes: Readonly<Record<string, string | readonly string[]>> = {
  undici: ['registry', 'engines', 'hooks'], 'tar-stream': 'layouts', 'smol-toml': ['registries-conf', 'mapping'], '@noble/ciphers': 'signing', 'jsonc-parser': 'spec', ioredis: 'redis', bullmq: 'queue', pino: 'telemetry', 'prom-client': 'telemetry', fastify: 'telemetry', '@fastify/swagger': 'coordinator', yaml: ['spec', 'signing', 'mapping'], semver: 'spec', picomatch: 'spec',
  commander: 'cli', '@bomb.sh/tab': 'cli', 'log-update': 'cli', 'string-width': 'cli', 'cli-truncate': 'cli', picocolors: 'cli', 'pretty-bytes': 'cli', 'pretty-ms': 'cli',
  'cron-parser': ['spec', 'cutover'], testcontainers: 'testing', jose: 'testing', vitest: 'testing',
}
/** A validator stands at every edge where files and messages come in or go out. */
const zodHomes = ['spec', 'harbor', 'cutover', 'report', 'pool', 'coordinator', 'worker', 'cli', 'signing', 'registries-conf']

/** `demo` brings its own registries along: the embedded one of `testing`. */
const mayImportTesting = new Set(['packages/cli/src/commands/demo.ts'])

interface Import { readonly file: string; readonly of: string; readonly isTest: boolean; readonly specifier: string }

function* sourcesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.ts')) yield join(entry.parentPath, entry.name)
  }
}

function* importsOf(name: string): Generator<Import> {
  for (const file of sourcesIn(join(folderOf(name), 'src'))) {
    const text = readFileSync(file, 'utf8')
    for (const [, from, dynamic] of text.matchAll(/^(?:import|export)\b[^'\n]*?(?:\{[^}]*\}[^'\n]*)?from '([^']+)'|\bimport\('([^']+)'\)/gm)) {
      yield { file: relative(root, file), of: name, isTest: /\.(?:test|fixture)\.ts$/.test(file), specifier: from ?? dynamic ?? '' }
    }
  }
}

const services = readdirSync(join(root, 'services'))
const packages = [...readdirSync(join(root, 'packages')), ...services]
function folderOf(name: string): string { return join(root, services.includes(name) ? 'services' : 'packages', name) }
const imports = packages.flatMap((name) => [...importsOf(name)])
const packageOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')

describe('architecture', () => {
  test('every package is in the picture', () => {
    expect(packages.sort()).toEqual(Object.keys(allowed).sort())
    expect(imports.length).toBeGreaterThan(100)
  })

  test('packages import only what stands below them', () => {
    const breaches = imports.filter(({ file, of, isTest, specifier }) => {
      const [, name] = /^@longshore\/([^/]+)/.exec(specifier) ?? []
      if (name === undefined || isTest || allowed[of]?.includes(name) === true) return false
      return !(name === 'testing' && mayImportTesting.has(file))
    })
    expect(breaches.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  test('no package reaches into another', () => {
    const breaches = imports.filter(({ specifier, of, file }) => /^@longshore\/[^/]+\/(?!contracts$|global-setup$|schema$|memory$)/.test(specifier)
      || (specifier.startsWith('.') && !relative(folderOf(of), join(root, file, '..', specifier)).match(/^(src|schema|package\.json|fixtures)/)))
    expect(breaches.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  test('each third-party module is imported by one package', () => {
    const breaches = imports.filter(({ specifier, of, isTest }) => {
      if (specifier.startsWith('.') || specifier.startsWith('@longshore/') || isBuiltin(specifier)) return false
      const name = packageOf(specifier)
      if (name === 'zod') return !zodHomes.includes(of)
      if (isTest && name === 'vitest') return false
      return ![homes[name] ?? []].flat().includes(of)
    })
    expect(breaches.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  test('what only tests need is not installed with the command line, nor loaded by the registry of demo', () => {
    const { packages: locked } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: Readonly<Record<string, { readonly dev?: boolean }>> }
    expect(['testcontainers', 'dockerode', 'vitest'].filter((name) => locked[`node_modules/${name}`]?.dev !== true)).toEqual([])
    // A type is stripped; `import()` comes when it is called.
    const eager = [...sourcesIn(join(folderOf('testing'), 'src'))]
      .filter((file) => !/\.(?:test|fixture)\.ts$/.test(file) && /^(?:import|export) (?!type\b)[^\n]*from 'testcontainers'/m.test(readFileSync(file, 'utf8')))
    expect(eager.map((file) => relative(root, file))).toEqual([])
  })

  test('the environment is read in config.ts alone', () => {
    const breaches = packages.filter((name) => name !== 'testing').flatMap((name) => [...sourcesIn(join(folderOf(name), 'src'))])
      .filter((file) => !/config\.ts$|\.test\.ts$/.test(file) && /\bprocess\.env\b/.test(readFileSync(file, 'utf8')))
    expect(breaches.map((file) => relative(root, file))).toEqual([])
  })

  test('the algorithm knows no HTTP, file format, queue or database', () => {
    const outside = imports.filter(({ of, isTest, specifier }) => of === 'transfer' && !isTest && !specifier.startsWith('.') && !specifier.startsWith('@longshore/'))
    expect(outside.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })
})
