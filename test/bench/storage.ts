// The three recipes of the registry-storage scripts, each one command of ours, beside the scripts. See README.md.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { busyShare } from './busy.ts'
import { missingContent, wrongReferences } from './check.ts'
import { type Corpus, type CorpusName, corpusNames, makeCorpus } from './corpora.ts'
import { type Measured, measure } from './measure.ts'
import { anonymous, freshBlobCache } from './peers.ts'
import { formatRows } from './rows.ts'
import { startRegistry } from './servers.ts'
import { median } from './table.ts'

const { values: flags } = parseArgs({ options: { corpus: { type: 'string', default: 'mixed' }, runs: { type: 'string', default: '3' }, scale: { type: 'string', default: '0.2' } } })

/** What a contender is told. */
interface Job { readonly list: string; readonly source: string; readonly tree: string; readonly registry: string; readonly output: string; readonly scratch: string }

interface Recipe {
  readonly name: string
  /** Where the result is looked at: in a registry that ran meanwhile, or in a tree that one serves afterwards. */
  readonly result: 'registry' | 'tree'
  /** Of the corpus, what is asked for. */
  readonly wanted: (corpus: Corpus) => Corpus
  readonly contenders: Readonly<Record<string, (job: Job) => readonly string[]>>
}

const longshore = join(import.meta.dirname, '../../bin/longshore')
const script = (name: string): string => join(import.meta.dirname, 'scripts', name)
/** The arguments follow as $1, $2 …: no name is read as shell. */
const bash = (text: string, ...args: readonly string[]): readonly string[] => freshBlobCache(['bash', '-eo', 'pipefail', '-c', text, 'bash', ...args])

const recipes: readonly Recipe[] = [
  {
    name: 'list → tree', result: 'tree', wanted: (corpus) => corpus,
    contenders: {
      longshore: (job) => [longshore, 'migrate', job.list, '--from', job.source, '--src-tls-verify=false', '--to', `registry-storage:${job.output}`],
      'sync.sh to dir, skopeo_to_registry.sh': (job) => bash('"$1" "$3" "$4" "dir:$5"; "$2" "$5" "$6"', script('sync.sh'), script('skopeo_to_registry.sh'), job.list, job.source, join(job.scratch, 'dir'), job.output),
    },
  },
  {
    name: 'tree → registry', result: 'registry', wanted: (corpus) => corpus,
    contenders: {
      longshore: (job) => [longshore, 'sync', '--all', '--src', 'registry-storage', '--dest', 'docker', '--scoped', '--dest-tls-verify=false', '--insecure-policy', job.tree, job.registry],
      'registry_to_skopeo.sh, skopeo sync': (job) => bash(
        '"$1" "$2" "$3"; for project in "$3"/*; do skopeo sync --insecure-policy --dest-tls-verify=false --src dir --dest docker "$project" "$4/${project##*/}"; done',
        script('registry_to_skopeo.sh'), job.tree, join(job.scratch, 'dir'), job.registry,
      ),
    },
  },
  {
    name: 'tree → smaller tree', result: 'tree', wanted: everySecond,
    contenders: {
      longshore: (job) => [longshore, 'migrate', job.list, '--from', `registry-storage:${job.tree}`, '--to', `registry-storage:${job.output}`],
      'longshore --trust-storage': (job) => [longshore, 'migrate', job.list, '--from', `registry-storage:${job.tree}`, '--to', `registry-storage:${job.output}`, '--trust-storage'],
      'select_registry_images.sh': (job) => bash('"$@"', script('select_registry_images.sh'), job.list, job.tree, job.output),
      'sync.sh between registries': (job) => bash('"$@"', script('sync.sh'), job.list, job.source, `docker://${job.registry}`),
    },
  },
]

function everySecond(corpus: Corpus): Corpus {
  return { ...corpus, repositories: Object.fromEntries(Object.entries(corpus.repositories).map(([name, tags]) => [name, Object.fromEntries(Object.entries(tags).filter((_, i) => i % 2 === 0))])) }
}

function imagesOf(corpus: Corpus): readonly string[] { return Object.entries(corpus.repositories).flatMap(([name, tags]) => Object.keys(tags).map((tag) => `${name}:${tag}`)) }

const work = join(import.meta.dirname, '.work')
// Hard links need one file system: the source's tree is brought to where the results are.
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longshore-bench-storage-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

interface Outcome { readonly measured: Measured; readonly problems: readonly string[] }

/** One run of one contender into fresh places, checked. */
async function runOnce(corpus: Corpus, source: string, recipe: Recipe, name: string): Promise<Outcome> {
  const folder = mkdtempSync(join(scratch, 'run-'))
  const wanted = recipe.wanted(corpus)
  const list = join(folder, 'images-list.txt')
  writeFileSync(list, `${imagesOf(wanted).join('\n')}\n`)
  const served = join(folder, 'served')
  const output = join(folder, 'tree')
  try {
    let busyBefore: number
    let measured: Measured
    let problems: readonly string[]
    {
      await using registry = await startRegistry(served, folder)
      const job = { list, source, tree: corpus.root, registry: registry.authority, output, scratch: folder }
      busyBefore = await busyShare(500)
      measured = { ...await measure({ argv: recipe.contenders[name]!(job), env: anonymous(job) }, folder), busyBefore }
    }
    {
      // A contender that was given a registry to fill has filled its tree. A fresh one remembers nothing.
      await using check = await startRegistry(existsSync(output) ? output : served, folder)
      problems = [...await wrongReferences(wanted, check.authority), ...await missingContent(wanted, check.authority)]
    }
    if (measured.exitCode !== 0 || problems.length > 0) {
      console.error(`${recipe.name}, ${name}: exit ${measured.exitCode}, ${problems.length} wrong, such as ${problems.slice(0, 3).join(' ')}`)
      console.error(readFileSync(join(folder, 'client.out'), 'utf8').slice(-2000))
    }
    return { measured, problems }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchRecipe(corpus: Corpus, source: string, recipe: Recipe): Promise<ReadonlyMap<string, readonly Outcome[]>> {
  const names = Object.keys(recipe.contenders)
  const outcomes = new Map<string, Outcome[]>(names.map((name) => [name, []]))
  for (let run = 0; run < Number(flags.runs); run++) {
    // Each round starts with another, so that none always follows the same one.
    for (const name of [...names.slice(run % names.length), ...names.slice(0, run % names.length)]) {
      const outcome = await runOnce(corpus, source, recipe, name)
      outcomes.get(name)?.push(outcome)
      console.error(`${recipe.name}, run ${run + 1}, ${name}: ${outcome.measured.wallSeconds.toFixed(2)} s`)
    }
  }
  return outcomes
}

function rowsOf(recipe: Recipe, outcomes: ReadonlyMap<string, readonly Outcome[]>): ReadonlyArray<readonly string[]> {
  const middle = (of: (measured: Measured) => number, name: string): number => median((outcomes.get(name) ?? []).map(({ measured }) => of(measured)))
  const wall = (name: string): number => middle((m) => m.wallSeconds, name)
  return [...outcomes].map(([name, all]) => {
    const walls = all.map(({ measured }) => measured.wallSeconds)
    const wrong = all.reduce((sum, { problems, measured }) => sum + problems.length + (measured.exitCode === 0 ? 0 : 1), 0)
    return [
      recipe.name, name, wall(name).toFixed(2), (wall(name) / wall('longshore')).toFixed(2), middle((m) => m.cpuSeconds, name).toFixed(2),
      Math.max(...all.map(({ measured }) => measured.peakRssMib)).toFixed(0), `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      `${Math.round(100 * middle((m) => m.busyBefore ?? 0, name))} %`, wrong === 0 ? 'yes' : `${wrong} wrong`,
    ]
  })
}

const name = corpusNames.find((known): known is CorpusName => known === flags.corpus)
if (name === undefined) {
  console.error(`there is no corpus ${flags.corpus}: ${corpusNames.join(', ')}`)
  process.exit(2)
}
mkdirSync(work, { recursive: true })
const made = makeCorpus(name, Number(flags.scale), work)
const corpus = { ...made, root: join(scratch, 'source') }
cpSync(made.root, corpus.root, { recursive: true })
const rows: Array<readonly string[]> = []
{
  await using source = await startRegistry(corpus.root, scratch)
  for (const recipe of recipes) rows.push(...rowsOf(recipe, await benchRecipe(corpus, source.authority, recipe)))
}
const bytes = Object.values(corpus.blobs).reduce((sum, size) => sum + size, 0)
console.log(`${name} × ${flags.scale}: ${imagesOf(corpus).length} images, ${Object.keys(corpus.blobs).length} blobs, ${Math.round(bytes / 1e6)} MB; ${flags.runs} runs\n`)
console.log(formatRows(['recipe', 'by', 'wall s', '/longshore', 'cpu s', 'rss MiB', 'spread', 'busy before', 'right'], rows, new Set([0, 1])))
