import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseTag } from '@longshore/oci'
import { parseSpecs } from '@longshore/spec'
import { image, seed, startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { LocalMover } from './local-mover.ts'

test('an image that grows too old behind the last pass is verified all the same, where ages are reckoned as that pass did', async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, [{ repository: 'app', tag: parseTag('1'), content: image({ seed: 1, layers: [100], created: new Date('2026-11-25T10:00:00Z') }) }])
  const { migration: spec } = await parseSpecs([{ name: 's.yaml', content: `version: 1\nfrom: ${source.host}\nto: ${destination.host}\nimages: [{ name: app, tags: { newerThan: 1d } }]\n` }], {})
  const folder = await mkdtemp(join(tmpdir(), 'longshore-mover-'))
  const { signal } = new AbortController()
  try {
    const mover = new LocalMover({ flags: { quiet: true, srcTlsVerify: false, destTlsVerify: false }, config: readConfig({}), abort: signal, folder, onSeen: () => {} })
    const order = { cutover: 'c', spec, options: { srcTlsVerify: false, destTlsVerify: false }, deepPercent: 0 }
    const at = { agesAt: '2026-11-26T09:59:59Z' }
    expect(await mover.pass({ ...order, ...at, number: 1, kind: 'final' }, signal)).toMatchObject({ images: 1, copied: 1, failed: 0 })
    expect(await mover.verify({ ...order, ...at }, signal)).toMatchObject({ images: 1, sound: 1, missing: 0 })
    expect(await mover.verify({ ...order, agesAt: '2026-11-26T10:00:01Z' }, signal)).toMatchObject({ images: 0 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
