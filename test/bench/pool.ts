// The worker pool, measured: beside the in-process run, over links, and with ten thousand images. See README.md.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { waitForQuiet } from './busy.ts'
import { wrongReferences } from './check.ts'
import { type Corpus, type CorpusName, makeCorpus } from './corpora.ts'
import { measure } from './measure.ts'
import { formatRows } from './rows.ts'
import { startRegistry } from './servers.ts'
import { startSynthetic } from './synthetic.ts'
import { median } from './table.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' }, scale: { type: 'string', default: '1' }, quiet: { type: 'string', default: '30' },
    images: { type: 'string', default: '10000' }, layers: { type: 'string', default: '10' }, out: { type: 'string' }, corpora: { type: 'string', default: 'mixed,tiny' },
    workers: { type: 'string', default: '1,2,4' }, link: { type: 'string', default: '20' }, 'link-corpus': { type: 'string', default: 'links' },
  },
})
const longshore = join(import.meta.dirname, '../../bin/longshore')
const work = join(import.meta.dirname, '.work')
mkdirSync(work, { recursive: true })
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longshore-pool-'))
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

interface Running extends AsyncDisposable { readonly pid: number; readonly child: ChildProcess }

function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const [command = '', ...args] = argv
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  running.add(child)
  const gone = once(child, 'exit')
  return {
    pid: child.pid ?? 0, child,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await gone
      running.delete(child)
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function startRedis(): Promise<Running & { readonly url: string; ask(...command: readonly string[]): string }> {
  const port = await freePort()
  const server = start(['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction', '--loglevel', 'warning'])
  const ask = (...command: readonly string[]): string => execFileSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  for (let tries = 0; tries < 100; tries++) {
    try { if (ask('PING') === 'PONG') break } catch { await new Promise((resolve) => setTimeout(resolve, 50)) }
  }
  return { ...server, url: `redis://127.0.0.1:${port}`, ask }
}

/** A worker that stands ready. */
async function startWorker(redis: string, env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const worker = start([longshore, 'worker', '--redis', redis], { LONGSHORE_LISTEN: '127.0.0.1:0', LONGSHORE_LOG_LEVEL: 'info', HOME: scratch, ...env })
  const { stdout } = worker.child
  if (!stdout) throw new Error('a worker without output')
  const lines = createInterface(stdout)
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => { if (line.includes('"worker ready"')) resolve() })
    worker.child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)))
  })
  return worker
}

function listOf(corpus: Corpus): string {
  const file = join(scratch, `${corpus.name}.txt`)
  writeFileSync(file, `${Object.entries(corpus.repositories).flatMap(([name, tags]) => Object.keys(tags).map((tag) => `${name}:${tag}`)).join('\n')}\n`)
  return file
}

/** One run into a fresh destination, checked; seconds. */
async function migrate(corpus: Corpus, source: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ readonly seconds: number; readonly rss: number; readonly cpu: number }> {
  const folder = mkdtempSync(join(scratch, 'run-'))
  try {
    await using registry = await startRegistry(join(folder, 'destination'), folder)
    const busy = await waitForQuiet(Number(flags.quiet) * 1000)
    if (busy > 0.2) console.error(`${Math.round(busy * 100)} % of this machine is busy with something else: this run counts for little`)
    const argv = [longshore, 'migrate', listOf(corpus), '--from', source, '--to', registry.authority, '--src-tls-verify=false', '--dest-tls-verify=false', ...args]
    const { wallSeconds, exitCode, peakRssMib, cpuSeconds } = await measure({ argv, env: { HOME: scratch, ...env } }, folder)
    const wrong = await wrongReferences(corpus, registry.authority)
    if (wrong.length > 0 || exitCode !== 0) throw new Error(`exit ${exitCode}, ${wrong.length} wrong: ${readFileSync(join(folder, 'client.out'), 'utf8').slice(-2000)}`)
    return { seconds: wallSeconds, rss: peakRssMib, cpu: cpuSeconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** In one process, and with one worker that stands ready: in turn, on the same registries. */
async function overhead(): Promise<object> {
  const rows: object[] = []
  for (const name of flags.corpora.split(',') as CorpusName[]) {
    const corpus = makeCorpus(name, Number(flags.scale), work)
    execFileSync('sh', ['-c', `find "$1" -type f -exec cat {} + > /dev/null`, 'sh', corpus.root])
    await using source = await startRegistry(corpus.root, scratch)
    const seconds = { process: [] as number[], pool: [] as number[] }
    for (let run = 0; run < Number(flags.runs); run++) {
      for (const kind of run % 2 === 0 ? ['process', 'pool'] as const : ['pool', 'process'] as const) {
        if (kind === 'process') seconds.process.push((await migrate(corpus, source.authority, [])).seconds)
        else {
          await using redis = await startRedis()
          await using _worker = await startWorker(redis.url)
          seconds.pool.push((await migrate(corpus, source.authority, ['--redis', redis.url])).seconds)
        }
        console.error(`${name}, run ${run + 1}, ${kind}: ${seconds[kind].at(-1)?.toFixed(2)} s`)
      }
    }
    rows.push({ corpus: name, process: median(seconds.process), pool: median(seconds.pool), ratio: median(seconds.pool) / median(seconds.process), runs: seconds })
  }
  console.log(formatRows(['corpus', 'one process s', 'pool, 1 worker s', 'ratio'], rows.map((row) => {
    const { corpus, process, pool, ratio } = row as { corpus: string; process: number; pool: number; ratio: number }
    return [corpus, process.toFixed(2), pool.toFixed(2), ratio.toFixed(2)]
  })))
  return { overhead: rows }
}

/** 1, 2, 4 workers, each behind a link of its own. */
async function links(): Promise<object> {
  const corpus = makeCorpus(flags['link-corpus'] as CorpusName, Number(flags.scale), work)
  const rate = Number(flags.link) * 1e6
  execFileSync('sh', ['-c', `find "$1" -type f -exec cat {} + > /dev/null`, 'sh', corpus.root])
  await using source = await startRegistry(corpus.root, scratch)
  const warm = makeCorpus('mixed', 0.1, work)
  await using warmSource = await startRegistry(warm.root, scratch)
  const seconds = new Map<number, number[]>()
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const count of flags.workers.split(',').map(Number)) {
      await using stack = new AsyncDisposableStack()
      const redis = stack.use(await startRedis())
      for (let i = 0; i < count; i++) {
        const proxy = stack.use(start([process.execPath, join(import.meta.dirname, 'link-proxy.ts'), String(rate)]))
        if (!proxy.child.stdout) throw new Error('a proxy without output')
        const [port] = (await once(createInterface(proxy.child.stdout), 'line')) as [string]
        stack.use(await startWorker(redis.url, { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '' }))
      }
      // Workers live long: what each compiles at its first images is not the link's, and four do it on the same two cores.
      await migrate(warm, warmSource.authority, ['--redis', redis.url])
      const one = (await migrate(corpus, source.authority, ['--redis', redis.url])).seconds
      console.error(`${count} workers, run ${run + 1}: ${one.toFixed(2)} s`)
      seconds.set(count, [...seconds.get(count) ?? [], one])
    }
  }
  const [[, first = []] = []] = seconds
  const rows = [...seconds].map(([workers, runs]) => ({ workers, seconds: median(runs), speedup: median(first) / median(runs), runs }))
  console.log(formatRows(['workers', 'wall s', 'speed-up'], rows.map(({ workers, seconds, speedup }) => [String(workers), seconds.toFixed(2), speedup.toFixed(2)])))
  return { links: { corpus: corpus.name, megabytesPerSecond: Number(flags.link), rows } }
}

/** Ten thousand images of ten layers: memory of everyone, ledger operations, bytes in Redis. */
async function scale(): Promise<object> {
  const images = Number(flags.images)
  const layers = Number(flags.layers)
  await using registry = await startSynthetic({ images, layers })
  await using redis = await startRedis()
  const workers = Number(flags.workers.split(',').at(-1))
  await using stack = new AsyncDisposableStack()
  const pids: number[] = []
  for (let i = 0; i < workers; i++) pids.push(stack.use(await startWorker(redis.url)).pid)
  const list = join(scratch, 'scale.txt')
  writeFileSync(list, registry.list())
  const peaks = { redis: 0, worker: 0, coordinator: 0 }
  const before = calls(redis)
  const started = performance.now()
  const command = start([longshore, 'migrate', list, '--from', registry.source, '--to', registry.destination, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', redis.url, '--quiet'], { HOME: scratch })
  command.child.stdout?.pipe(process.stderr)
  const sampler = setInterval(() => {
    peaks.redis = Math.max(peaks.redis, Number(/used_memory:(\d+)/.exec(redis.ask('INFO', 'memory'))?.[1] ?? 0) / 2 ** 20)
    for (const pid of pids) peaks.worker = Math.max(peaks.worker, rssMib(pid))
    peaks.coordinator = Math.max(peaks.coordinator, rssMib(command.pid))
  }, 250)
  const [code] = (await once(command.child, 'exit')) as [number | null]
  clearInterval(sampler)
  const seconds = (performance.now() - started) / 1000
  const operations = calls(redis) - before
  const row = { images, layers, workers, seconds, exitCode: code, peakMib: peaks, operationsPerSecond: operations / seconds, operationsPerImage: operations / images, redisBytesPerImage: peaks.redis * 2 ** 20 / images, recordBytes: Number(/used_memory:(\d+)/.exec(redis.ask('INFO', 'memory'))?.[1] ?? 0) }
  console.log(formatRows(['images × layers', 'workers', 'wall s', 'coordinator MiB', 'worker MiB', 'redis MiB', 'ledger ops/s', 'ops/image', 'redis bytes/image'], [[
    `${images} × ${layers}`, String(workers), seconds.toFixed(1), peaks.coordinator.toFixed(0), peaks.worker.toFixed(0), peaks.redis.toFixed(0),
    row.operationsPerSecond.toFixed(0), row.operationsPerImage.toFixed(1), row.redisBytesPerImage.toFixed(0),
  ]]))
  return { scale: row }
}

/** Calls of ledger scripts so far: `EVALSHA`, of which BullMQ's are some as well. */
function calls(redis: { ask(...command: readonly string[]): string }): number {
  return [...redis.ask('INFO', 'commandstats').matchAll(/^cmdstat_(?:evalsha|eval):calls=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}

function rssMib(pid: number): number {
  try { return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024 } catch { return 0 }
}

const parts = { overhead, links, scale } as const
const chosen = positionals.length === 0 ? Object.keys(parts) : positionals
const results: object = { node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model }
for (const name of chosen) {
  const part = parts[name as keyof typeof parts]
  if (part === undefined) {
    console.error(`there is no part ${name}: ${Object.keys(parts).join(', ')}`)
    process.exit(2)
  }
  Object.assign(results, await part())
}
const out = flags.out ?? join(work, `pool-${new Date().toISOString().replace(/[:.]/g, '-')}.json`)
writeFileSync(out, JSON.stringify(results, null, 1))
console.error(`details: ${out}`)
