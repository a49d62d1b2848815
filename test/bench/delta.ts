// What a delta pass costs: 2,000 tags that were moved, of which 10 change. See README.md.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseSpec, type NamedChange } from '@longshore/spec'
import { seed } from '@longshore/testing'
import { countRequests, type Requests } from './access-log.ts'
import { DeltaCorpus } from './delta-corpus.ts'
import { type PassOptions, runPass } from './delta-pass.ts'
import { startRegistry } from './servers.ts'

const { values: flags } = parseArgs({ options: { tags: { type: 'string', default: '2000' }, repositories: { type: 'string', default: '40' }, changed: { type: 'string', default: '10' } } })
const [tags, repositories, changed] = [Number(flags.tags), Number(flags.repositories), Number(flags.changed)]

const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longshore-bench-delta-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const logs = { source: join(scratch, 'source.log'), destination: join(scratch, 'destination.log') }
await using source = await startRegistry(join(scratch, 'source'), scratch, logs.source)
await using destination = await startRegistry(join(scratch, 'destination'), scratch, logs.destination)
const corpus = new DeltaCorpus({ repositories, tags })
await seed(`http://${source.authority}`, corpus.all)

const { migration } = await parseSpec({
  name: 'delta.yaml',
  content: `version: 1\nfrom: ${source.authority}\nto: ${destination.authority}\nimages:\n${corpus.repositories.map((name) => `  - { name: ${name}, tags: {} }\n`).join('')}`,
}, {})

interface Counted { readonly source: Requests; readonly destination: Requests }
const count = (): Counted => ({ source: countRequests(logs.source), destination: countRequests(logs.destination) })

function formatKinds(after: Requests, before: Requests): string {
  return Object.entries(after.kinds).map(([kind, n]) => [kind, n - (before.kinds[kind] ?? 0)] as const).filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a).map(([kind, n]) => `${n} ${kind}`).join(', ')
}

/** docker-registry writes a line when the answer has gone out: the last one may be a moment late. */
async function settled(): Promise<Counted> {
  for (let last = count(); ;) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    const now = count()
    if (now.source.total === last.source.total && now.destination.total === last.destination.total) return now
    last = now
  }
}

async function measured(name: string, options: PassOptions, most?: number): Promise<boolean> {
  const before = await settled()
  const { tally, ms } = await runPass(migration, options)
  const after = await settled()
  const total = after.source.total - before.source.total
  const isRight = tally.failed === 0 && tally.unlisted.length === 0
  console.log(`| ${name} | ${tally.copied} | ${tally.present} | ${total} | ${formatKinds(after.source, before.source)} | ${after.destination.total - before.destination.total} | ${(ms / 1000).toFixed(2)} |`)
  if (!isRight) console.error(`${name}: ${tally.failed} failed, ${tally.unlisted.length} not listed`)
  if (most !== undefined && total > most) console.error(`${name}: ${total} requests at the source, where ${most} are the most`)
  return isRight && (most === undefined || total <= most)
}

const named = (round: string): readonly NamedChange[] => corpus.changed(changed, round).map(({ repository, tag, content }) => (
  { registry: source.authority, repository, ...(tag === undefined ? {} : { tag }), digest: content.root.digest, action: 'push' }))
const bounds = { all: tags * 1.05, named: changed * 6 }

console.log(`${tags} tags in ${repositories} repositories, ${changed} of them changed.\n`)
console.log('| pass | copied | there already | requests at the source | by kind | at the destination | s |\n| --- | ---: | ---: | ---: | --- | ---: | ---: |')
const results = [
  await measured('bulk', { asks: 'all' }),
  await measured('full delta, nothing changed', { asks: 'changed' }, bounds.all),
]
await seed(`http://${source.authority}`, corpus.changed(changed, 'second'))
results.push(await measured('full delta', { asks: 'changed' }, bounds.all))
await seed(`http://${source.authority}`, corpus.changed(changed, 'third'))
results.push(
  await measured('by events', { asks: 'named', changes: named('third') }, bounds.named),
  await measured('by events that come again', { asks: 'named', changes: named('third') }, bounds.named),
  await measured('a last pass that asks everything', { asks: 'all' }),
)
if (results.includes(false)) process.exitCode = 1
