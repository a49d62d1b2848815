// A process that is killed in mid-upload, and the one that goes on (docs/adr/0008).
import { spawn } from 'node:child_process'
import { type AddressInfo, connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Descriptor, parseRepositoryName } from '@longshore/oci'
import { type EmbeddedRegistry, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import type { UploadPoint } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { createRegistry } from './index.ts'
import type { KilledUpload, UploadLine } from './killed-upload.fixture.ts'

const MiB = 1024 * 1024
const repository = parseRepositoryName('team/app')

/** A large blob, of which this process has a small piece only. */
function plant(source: EmbeddedRegistry, size: number): Descriptor {
  const piece = Buffer.from(Uint32Array.from({ length: MiB / 4 }, (_, i) => Math.imul(i + 1, 2_654_435_761)).buffer)
  const digest = source.putBlob(repository, Array.from({ length: size / MiB }, () => piece))
  return { mediaType: 'application/octet-stream', digest, size }
}

/** A way to a port that takes no more after so many bytes. */
async function startNarrows(port: number, most: number) {
  const full = Promise.withResolvers<void>()
  const open = new Set<{ destroy: () => unknown }>()
  let bytes = 0
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1' })
    open.add(client).add(upstream)
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      const goesOn = upstream.write(chunk)
      if (bytes >= most) {
        client.pause()
        full.resolve()
      } else if (!goesOn) {
        client.pause()
        upstream.once('drain', () => { if (bytes < most) client.resume() })
      }
    })
    upstream.pipe(client)
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  const cut = (): void => { for (const socket of open) socket.destroy() }
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`, full: full.promise, cut,
    async [Symbol.asyncDispose]() { cut(); await new Promise<void>((resolve) => { server.close(() => { resolve() }) }) },
  }
}

/** @param mayLive asked at every word of it; false kills it, with SIGKILL, as `dies` does */
async function upload(what: KilledUpload, mayLive: (point: UploadPoint) => boolean | Promise<boolean> = () => true, dies?: Promise<void>) {
  const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(new URL('./killed-upload.fixture.ts', import.meta.url)), JSON.stringify(what)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => { child.once('exit', resolve) })
  void dies?.then(() => child.kill('SIGKILL'))
  let saved: UploadPoint | undefined
  let end: UploadLine['end']
  for await (const line of createInterface(child.stdout)) {
    const told = JSON.parse(line) as UploadLine
    if (told.saved && !child.killed) saved = told.saved
    if (told.saved && !await mayLive(told.saved)) child.kill('SIGKILL')
    end = told.end
  }
  await exited
  return { saved, end }
}

test('docker-registry: killed at half while its source is slow, 256 MiB: the second half is all that is sent again', { timeout: 120_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using server = await startDockerRegistry()
  const desc = plant(source, 256 * MiB)
  const what = { source: source.host, destination: server.host, repository, desc, bytesPerSecond: 12 * MiB }
  const first = await upload(what, async ({ offset }) => {
    if (offset < desc.size / 2) return true
    // In the midst of the next part's coming.
    await delay(700)
    return false
  })
  expect(first.end).toBeUndefined()
  expect(first.saved?.offset).toBe(desc.size / 2)
  source.clearRequests()
  if (!first.saved) throw new Error('nothing was saved')
  const { end } = await upload({ ...what, saved: first.saved })
  expect(end).toMatchObject({ outcome: 'pushed', offsets: [desc.size / 2], bytesOut: desc.size / 2 })
  expect(source.requests.filter((r) => r.kind === 'blob-get').map((r) => [r.status, r.bytesOut])).toEqual([[206, desc.size / 2]])
  await using registry = createRegistry({ registry: server.host, tlsVerify: false })
  expect(await registry.exists(repository, desc, new AbortController())).toBe(true)
})

test('docker-registry: killed in the midst of a request, which is the end of the session there: all anew, and right', { timeout: 120_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using server = await startDockerRegistry()
  const desc = plant(source, 128 * MiB)
  await using narrows = await startNarrows(Number(new URL(server.url).port), 80 * MiB)
  const what = { source: source.host, repository, desc }
  const first = await upload({ ...what, destination: narrows.host }, undefined, narrows.full)
  narrows.cut()
  expect(first.end).toBeUndefined()
  expect(first.saved?.offset).toBe(desc.size / 2)
  if (!first.saved) throw new Error('nothing was saved')
  const { end } = await upload({ ...what, destination: server.host, saved: first.saved })
  expect(end).toMatchObject({ outcome: 'pushed', offsets: [0], bytesOut: desc.size })
  await using registry = createRegistry({ registry: server.host, tlsVerify: false })
  expect(await registry.exists(repository, desc, new AbortController())).toBe(true)
})

test('killed in the midst of a request: a registry that keeps what it brought is sent the rest only', { timeout: 120_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ location: 'relative' })
  const desc = plant(source, 128 * MiB)
  await using narrows = await startNarrows(Number(new URL(destination.url).port), 80 * MiB)
  const what = { source: source.host, repository, desc }
  const first = await upload({ ...what, destination: narrows.host }, undefined, narrows.full)
  narrows.cut()
  expect(first.saved?.offset).toBe(desc.size / 2)
  if (!first.saved) throw new Error('nothing was saved')
  const { end } = await upload({ ...what, destination: destination.host, saved: first.saved })
  expect(end).toMatchObject({ outcome: 'pushed' })
  expect(end?.offsets[0]).toBeGreaterThan(desc.size / 2)
  // What was in the sockets when it died is all that is sent twice.
  expect(destination.requests.reduce((sum, r) => sum + r.bytesIn, 0)).toBe(desc.size)
})

test('bytes pass through: the memory of a large upload is that of a part, not of the blob', { timeout: 120_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using server = await startDockerRegistry()
  const small = plant(source, MiB)
  const large = plant(source, 768 * MiB)
  const what = { source: source.host, destination: server.host, repository }
  const base = await upload({ ...what, desc: small })
  const much = await upload({ ...what, desc: large })
  expect(much.end).toMatchObject({ outcome: 'pushed', bytesOut: large.size })
  expect((much.end?.memory ?? Infinity) - (base.end?.memory ?? 0)).toBeLessThan(120 * MiB)
})
