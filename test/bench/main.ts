// Longshore beside its peers, on the same corpora and the same registries, one after another in turn. See README.md.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { countRequests } from './access-log.ts'
import { waitForQuiet } from './busy.ts'
import { wrongReferences } from './check.ts'
import { type Corpus, type CorpusName, corpusNames, makeCorpus } from './corpora.ts'
import { type Measured, measure } from './measure.ts'
import { type Peer, peers, type Setting } from './peers.ts'
import { type Server, startProxy, startRegistry } from './servers.ts'
import { formatTable, type Result } from './table.ts'

const { values: flags } = parseArgs({
  options: {
    corpora: { type: 'string', default: corpusNames.filter((name) => name !== 'links').join() }, delay: { type: 'string', default: '0,40' },
    peers: { type: 'string', default: peers.map((peer) => peer.name).join() }, runs: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' }, tune: { type: 'boolean', default: false }, slow: { type: 'boolean', default: false },
    counts: { type: 'boolean', default: true }, out: { type: 'string' }, quiet: { type: 'string', default: '30' },
  },
  allowNegative: true,
})

const work = join(import.meta.dirname, '.work')
mkdirSync(work, { recursive: true })
// docker-registry syncs every blob to disk: in memory that costs nothing, and the disk is not what is measured.
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longshore-bench-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

interface Place { readonly corpus: Corpus; readonly delayMs: number; readonly source: string }

/** One run of one peer into a fresh destination, checked. */
async function runOnce(place: Place, peer: Peer, setting: Setting, accessLog?: string): Promise<{ measured: Measured; wrong: readonly string[] }> {
  const { corpus, delayMs, source } = place
  const folder = mkdtempSync(join(scratch, `${peer.name}-`))
  const root = corpus.rerun ? filledCopy(corpus) : join(folder, 'destination')
  try {
    await using registry = await startRegistry(root, folder, accessLog)
    await using proxy = delayMs === 0 ? undefined : await startProxy(registry.authority, delayMs)
    const job = { corpus, source, destination: proxy?.authority ?? registry.authority, scratch: folder, work }
    const busy = accessLog === undefined ? await waitForQuiet(Number(flags.quiet) * 1000) : 0
    if (busy > 0.2) console.error(`${Math.round(busy * 100)} % of this machine is busy with something else: this run counts for little`)
    const measured = { ...(await measure(peer.command(job, setting), folder)), busyBefore: Number(busy.toFixed(2)) }
    const wrong = await wrongReferences(corpus, registry.authority)
    if (wrong.length > 0 || measured.exitCode !== 0) {
      console.error(`${peer.name} on ${corpus.name}: exit ${measured.exitCode}, ${wrong.length} wrong, such as ${wrong.slice(0, 3).join(' ')}`)
      console.error(readFileSync(join(folder, 'client.out'), 'utf8').slice(-2000))
    }
    return { measured, wrong }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The destination of a run that has nothing to do; nothing is written, so all runs share it. */
function filledCopy(corpus: Corpus): string {
  const root = join(scratch, `${corpus.name}-filled`)
  if (!existsSync(root)) cpSync(corpus.root, root, { recursive: true })
  return root
}

async function count(corpus: Corpus, peer: Peer, setting: Setting): Promise<NonNullable<Result['requests']>> {
  const logs = { source: join(scratch, 'source.log'), destination: join(scratch, 'destination.log') }
  {
    await using registry = await startRegistry(corpus.root, scratch, logs.source)
    // The check comes after the client, and is not the client's.
    const { wrong } = await runOnce({ corpus, delayMs: 0, source: registry.authority }, peer, setting, logs.destination)
    if (wrong.length > 0) console.error(`${peer.name}: its requests are counted though its result is wrong`)
  }
  const checks = Object.values(corpus.repositories).reduce((sum, tags) => sum + Object.keys(tags).length, 0)
  const source = countRequests(logs.source)
  const destination = countRequests(logs.destination)
  const heads = (destination.kinds['HEAD manifest'] ?? 0) - checks
  // One ping at each side is startRegistry's.
  const pings = (kinds: Readonly<Record<string, number>>) => ({ ...kinds, 'GET ping': (kinds['GET ping'] ?? 1) - 1 })
  return {
    source: { ...source, total: source.total - 1, kinds: pings(source.kinds) },
    destination: { ...destination, total: destination.total - checks - 1, kinds: { ...pings(destination.kinds), 'HEAD manifest': heads } },
  }
}

async function benchCorpus(corpus: Corpus, delayMs: number, chosen: readonly Peer[], counted: Map<string, Result['requests']>): Promise<readonly Result[]> {
  const images = Object.values(corpus.repositories).reduce((sum, tags) => sum + Object.keys(tags).length, 0)
  const here = chosen.filter((peer) => delayMs < 10 || peer.slowAfar !== true || flags.slow)
  const settings = new Map<string, Setting>()
  const runs = new Map<string, Measured[]>(here.map((peer) => [peer.name, []]))
  const wrong = new Map<string, number>()
  {
    await using registry = await startRegistry(corpus.root, scratch)
    await using proxy: Server | undefined = delayMs === 0 ? undefined : await startProxy(registry.authority, delayMs)
    const place = { corpus, delayMs, source: proxy?.authority ?? registry.authority }
    for (const peer of here) settings.set(peer.name, await chooseSetting(place, peer))
    for (let run = 0; run < Number(flags.runs); run++) {
      // Each round starts with another peer, so that none always follows the same one.
      for (const peer of [...here.slice(run % here.length), ...here.slice(0, run % here.length)]) {
        const result = await runOnce(place, peer, settings.get(peer.name) ?? [])
        runs.get(peer.name)?.push(result.measured)
        wrong.set(peer.name, Math.max(wrong.get(peer.name) ?? 0, result.wrong.length))
        console.error(`${corpus.name} ${delayMs} ms, run ${run + 1}, ${peer.name}: ${result.measured.wallSeconds.toFixed(2)} s`)
      }
    }
  }
  const results: Result[] = []
  for (const peer of here) {
    const setting = settings.get(peer.name) ?? []
    // What is sent does not depend on the distance.
    const key = `${corpus.name} ${peer.name}`
    if (flags.counts && !counted.has(key)) counted.set(key, await count(corpus, peer, setting))
    const requests = counted.get(key)
    results.push({ corpus: corpus.name, delayMs, peer: peer.name, setting, images, runs: runs.get(peer.name) ?? [], wrong: wrong.get(peer.name) ?? 0, ...(requests ? { requests } : {}) })
  }
  return results
}

async function chooseSetting(place: Place, peer: Peer): Promise<Setting> {
  const candidates = place.delayMs < 10 ? peer.settings.near : peer.settings.far
  const [first = []] = candidates
  if (!flags.tune || candidates.length < 2) return first
  let best = { setting: first, seconds: Infinity }
  for (const setting of candidates) {
    const { measured, wrong } = await runOnce(place, peer, setting)
    console.error(`${place.corpus.name} ${place.delayMs} ms, ${peer.name} ${setting.join('x')}: ${measured.wallSeconds.toFixed(2)} s`)
    if (wrong.length === 0 && measured.wallSeconds < best.seconds) best = { setting, seconds: measured.wallSeconds }
  }
  return best.setting
}

function wanted<T extends string>(list: string, known: readonly T[], what: string): readonly T[] {
  return list.split(',').map((name) => known.find((k) => k === name) ?? fail(`there is no ${what} ${name}: ${known.join(', ')}`))
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}

const chosen = wanted(flags.peers, peers.map((peer) => peer.name), 'peer').flatMap((name) => {
  const peer = peers.find((p) => p.name === name)!
  const reason = peer.missing?.()
  if (reason !== undefined) console.error(`${name} is left out: ${reason}`)
  return reason === undefined ? [peer] : []
})
const results: Result[] = []
const counted = new Map<string, Result['requests']>()
const out = flags.out ?? join(work, `results-${new Date().toISOString().replace(/[:.]/g, '-')}.json`)
for (const name of wanted<CorpusName>(flags.corpora, corpusNames, 'corpus')) {
  const corpus = makeCorpus(name, Number(flags.scale), work)
  const bytes = Object.values(corpus.blobs).reduce((sum, size) => sum + size, 0)
  const { bavail, bsize } = statfsSync(scratch)
  if (bavail * bsize < 2.5 * bytes) fail(`${name} has ${bytes} bytes; ${scratch} has no room for its destination`)
  // Into the page cache: the first to run must not pay for the disk.
  execFileSync('sh', ['-c', `find "$1" -type f -exec cat {} + > /dev/null`, 'sh', corpus.root])
  for (const delayMs of flags.delay.split(',').map(Number)) {
    results.push(...(await benchCorpus(corpus, delayMs, chosen, counted)))
    // After each step, so that an interrupted bench leaves what it has.
    writeFileSync(out, JSON.stringify({ node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model, scale: Number(flags.scale), results }, null, 1))
  }
}
console.log(formatTable(results))
console.error(`details: ${out}`)
