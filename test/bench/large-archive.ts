// One archive of 10 GiB into a storage tree, into a registry, and out again: how long, and in how much memory. Not part of `npm test`. See README.md.
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, createReadStream, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { busyShare } from './busy.ts'
import { measure } from './measure.ts'
import { formatRows } from './rows.ts'
import { startRegistry } from './servers.ts'

const { values: flags } = parseArgs({ options: { gib: { type: 'string', default: '10' }, only: { type: 'string' }, keep: { type: 'boolean', default: false }, make: { type: 'boolean', default: false } } })
const gib = Number(flags.gib)
const longshore = join(import.meta.dirname, '../../bin/longshore')
/** On a disk: three times the archive's size is needed there, and it is not to be taken for the memory that is measured. */
const work = join(import.meta.dirname, '.work')
/** Most of it is one layer: beyond 8 GiB a tar header's octal size does not reach. */
const shares = [0.85, 0.1, 0.04, 0.01]

interface Blob { readonly digest: string; readonly size: number; readonly chunks: () => Iterable<Buffer> }

interface Made { readonly path: string; readonly manifest: string; readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }> }

function* random(seed: string, size: number): Generator<Buffer> {
  const key = createHash('sha256').update(`longshore large archive ${seed}`).digest()
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  const zeros = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < size; at += zeros.length) yield cipher.update(zeros.subarray(0, Math.min(zeros.length, size - at)))
}

function blob(chunks: () => Iterable<Buffer>): Blob {
  const hash = createHash('sha256')
  let size = 0
  for (const chunk of chunks()) { hash.update(chunk); size += chunk.length }
  return { digest: `sha256:${hash.digest('hex')}`, size, chunks }
}

/** Of GNU tar: a size that octal digits do not hold is binary, with the highest bit set. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512)
  block.write(name)
  block.write('0000644\0 0000000\0 0000000\0'.replaceAll(' ', ''), 100)
  if (size < 8 ** 11) block.write(size.toString(8).padStart(11, '0'), 124)
  else { block[124] = 0x80; block.writeBigUInt64BE(BigInt(size), 128) }
  block.write('00000000000', 136)
  block.write('        0', 148)
  block.write('ustar  ', 257)
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** An oci-archive, written as it is made up: nothing of it is kept in memory. Once for each size. */
function makeArchive(path: string): Made {
  const facts = `${path}.json`
  if (existsSync(facts)) return JSON.parse(readFileSync(facts, 'utf8')) as Made
  const file = openSync(`${path}.partial`, 'w')
  const write = (bytes: Buffer): void => { for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at) }
  const add = (name: string, size: number, chunks: Iterable<Buffer>): void => {
    write(header(name, size))
    for (const chunk of chunks) write(chunk)
    write(Buffer.alloc((512 - size % 512) % 512))
  }
  const addBlob = ({ digest, size, chunks }: Blob): void => { add(`blobs/sha256/${digest.slice(7)}`, size, chunks()) }
  const json = (value: unknown): Blob => { const bytes = Buffer.from(JSON.stringify(value)); return blob(() => [bytes]) }
  const layers = shares.map((share, at) => blob(() => random(`layer ${at}`, Math.round(share * gib * 2 ** 30) + at)))
  const describe = (mediaType: string, { digest, size }: Blob) => ({ mediaType, digest, size })
  const config = json({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } })
  const manifest = json({
    schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => describe('application/vnd.oci.image.layer.v1.tar', layer)),
  })
  add('oci-layout', 30, [Buffer.from('{"imageLayoutVersion":"1.0.0"}')])
  for (const each of [...layers, config, manifest]) addBlob(each)
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ ...describe('application/vnd.oci.image.manifest.v1+json', manifest), annotations: { 'org.opencontainers.image.ref.name': 'v1' } }] }))
  add('index.json', index.length, [index])
  write(Buffer.alloc(1024))
  closeSync(file)
  renameSync(`${path}.partial`, path)
  const made: Made = { path, manifest: manifest.digest, layers: layers.map(({ digest, size }) => ({ digest, size })) }
  writeFileSync(facts, JSON.stringify(made))
  return made
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer)
  return `sha256:${hash.digest('hex')}`
}

/** Reads every layer that a tree has, apart from any of our code. */
async function wrongInTree(root: string, made: Made): Promise<readonly string[]> {
  const wrong: string[] = []
  const data = (digest: string): string => join(root, `docker/registry/v2/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`)
  for (const { digest } of made.layers) if (!existsSync(data(digest)) || await hashFile(data(digest)) !== digest) wrong.push(digest)
  const link = join(root, 'docker/registry/v2/repositories/team/app/_manifests/tags/v1/current/link')
  if (!existsSync(link) || readFileSync(link, 'utf8') !== made.manifest) wrong.push('team/app:v1')
  return wrong
}

mkdirSync(work, { recursive: true })
const made = makeArchive(join(work, `large-${gib}.oci.tar`))
if (flags.make) process.exit(0)
const scratch = mkdtempSync(join(work, 'large-'))
process.on('exit', () => {
  rmSync(scratch, { recursive: true, force: true })
  if (!flags.keep) for (const path of [made.path, `${made.path}.json`]) rmSync(path, { force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const [archive, tree, served, written] = [`oci-archive:${made.path}:v1`, join(scratch, 'tree'), join(scratch, 'served'), join(scratch, 'out.oci.tar')]
const copy = [longshore, 'copy', '-q', '--insecure-policy', '--all']
const rows: Array<readonly string[]> = []
async function row(name: string, args: readonly string[], check: () => Promise<readonly string[]>): Promise<void> {
  if (flags.only !== undefined && !name.includes(flags.only)) return
  const busyBefore = await busyShare(500)
  const { wallSeconds, cpuSeconds, peakRssMib, exitCode } = await measure({ argv: [...copy, ...args], env: {} }, scratch)
  if (exitCode !== 0) console.error(readFileSync(join(scratch, 'client.out'), 'utf8').slice(-2000))
  const wrong = exitCode === 0 ? await check() : [`exit ${exitCode}`]
  rows.push([
    name, wallSeconds.toFixed(1), (gib * 1024 / wallSeconds).toFixed(0), cpuSeconds.toFixed(1), peakRssMib.toFixed(0), `${Math.round(100 * busyBefore)} %`, wrong.length === 0 ? 'yes' : wrong.join(' '),
  ])
}

await row('oci-archive → registry-storage', [archive, `registry-storage:${tree}:team/app:v1`], () => wrongInTree(tree, made))
await row('registry-storage → oci-archive', [`registry-storage:${tree}:team/app:v1`, `oci-archive:${written}:v1`], async () => {
  const total = made.layers.reduce((sum, { size }) => sum + size, 0)
  const again = join(scratch, 'again')
  rmSync(tree, { recursive: true })
  const { exitCode } = await measure({ argv: [...copy, `oci-archive:${written}:v1`, `registry-storage:${again}:team/app:v1`], env: {} }, scratch)
  const wrong = exitCode === 0 && statSync(written).size > total ? await wrongInTree(again, made) : [`exit ${exitCode}, ${statSync(written).size} bytes`]
  for (const path of [again, written]) rmSync(path, { recursive: true })
  return wrong
})
{
  await using registry = await startRegistry(served, scratch)
  await row('oci-archive → docker-registry', ['--dest-tls-verify=false', archive, `docker://${registry.authority}/team/app:v1`], () => wrongInTree(served, made))
}
console.log(`${gib} GiB: layers of ${made.layers.map(({ size }) => `${(size / 2 ** 30).toFixed(2)} GiB`).join(', ')}\n`)
console.log(formatRows(['copy', 'wall s', 'MiB/s', 'cpu s', 'rss MiB', 'busy before', 'right'], rows, new Set([0])))
