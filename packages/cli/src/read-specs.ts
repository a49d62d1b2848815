// SPEC… becomes one migration. All problems of all files are told at once.
import { readFileSync } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { printable } from '@longshore/oci'
import { type AccessHint, formatProblem, maxBytesOf, maxSpecBytes, type Migration, type ParsedSpec, parseSpecs, type Problem, SpecError, type SpecInput, type SpecOptions } from '@longshore/spec'
import { readConfig } from './config.ts'
import { isPool, type PoolFlags, type SpecFlags } from './flags.ts'
import { UsageError } from './usage-error.ts'
import { refusePlaces } from './wire.ts'

export interface ReadSpecs {
  readonly migration: Migration
  readonly warnings: readonly Problem[]
  /** Where the `cutover:` section is. */
  readonly cutoverAt?: ParsedSpec['cutoverAt']
  readonly inputs: readonly SpecInput[]
  /** Of the inputs that are Kubernetes', what they come to. */
  readonly objects?: ParsedSpec['objects']
  /** Secrets among them: for the process that reaches registries, and nobody else. */
  readonly hints: readonly AccessHint[]
}

/** @throws SpecError, UsageError */
export async function readSpecs(specs: readonly string[], flags: SpecFlags & PoolFlags, stdin: Stdin): Promise<ReadSpecs> {
  if (specs.filter((spec) => spec === '-').length > 1) throw new UsageError('stdin can be read once: give - once')
  const options = parseOptions(flags)
  const inputs: SpecInput[] = []
  const problems: Problem[] = []
  for (const spec of specs) {
    const input = await readInput(spec, stdin)
    if ('message' in input) problems.push(input)
    else inputs.push(input)
  }
  try {
    const { migration, warnings, cutoverAt, access = [], objects } = await parseSpecs(inputs, options)
    if (isPool(flags)) refusePlaces(migration)
    if (problems.length === 0) return { migration, warnings, inputs, hints: access, ...(cutoverAt && { cutoverAt }), ...(objects && { objects }) }
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    problems.push(...error.problems)
  }
  throw new SpecError(problems)
}

/** On stderr. That there is nothing to do is told, and is no failure. */
export function printWarnings({ entries }: Migration, warnings: readonly Problem[]): void {
  for (const warning of warnings) process.stderr.write(`${entries.length === 0 ? `nothing to do: ${printable(`${warning.file} ${warning.message}`)}` : `warning: ${formatProblem(warning)}`}\n`)
}

type Stdin = AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean }

function parseOptions(flags: SpecFlags): SpecOptions {
  const { from, to, fromForAll, format, platform, platformPolicy, referrers, foreignLayers } = flags
  if (platformPolicy !== undefined && platform === undefined) throw new UsageError('--platform-policy says what becomes of an index: give --platform with it')
  return {
    ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), ...(fromForAll === undefined ? {} : { fromForAll }),
    ...(format === undefined ? {} : { format }),
    surroundings: { env: readConfig().env, readFile: (path) => readFileSync(path, 'utf8').trimEnd() },
    content: {
      ...(platform === undefined ? {} : { platforms: platform }), ...(platformPolicy === undefined ? {} : { platformPolicy }),
      ...(referrers === undefined ? {} : { referrers }), ...(foreignLayers === undefined ? {} : { foreignLayers }),
    },
  }
}

async function readInput(spec: string, stdin: Stdin): Promise<SpecInput | Problem> {
  if (spec === '-') {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of stdin) {
      chunks.push(Buffer.from(chunk))
      length += chunk.length
      if (length > maxSpecBytes && length > maxBytesOf(chunks[0] ?? chunk)) break
    }
    return { name: 'stdin', content: Buffer.concat(chunks) }
  }
  try {
    const { size } = await stat(spec)
    // The parser says what is wrong with a file of this size; its content is of no use.
    return { name: spec, content: size > maxSpecBytes && size > maxBytesOf(await headOf(spec)) ? Buffer.alloc(maxSpecBytes + 1) : await readFile(spec) }
  } catch (error) {
    return { file: spec, message: reasonOf(error) }
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(64 * 1024) })
  return buffer.subarray(0, bytesRead)
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR': return 'there is no such file'
    case 'EACCES':
    case 'EPERM': return 'may not be read by this user'
    case 'EISDIR': return 'is a directory; give a file, or several'
    default: return `cannot be read (${code})`
  }
}
