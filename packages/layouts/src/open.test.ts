// Archives through the door that the command line uses.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RepositoryName, Tag } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { io, layerOf, makeImage, savedOld, testFolder, writeTar } from './archive.fixture.ts'
import { openLayout } from './open.ts'

const none = '' as RepositoryName
const only = '' as Tag

describe('an archive is opened when something is asked of it', () => {
  test('to be read', async () => {
    const path = join(await testFolder(), 'a.tar')
    await using source = openLayout(`docker-archive:${path}`, { readOnly: true })
    await writeTar(path, savedOld([{ image: await makeImage('x'), tags: ['a:1'] }]))
    expect(await source.tags(none, io)).toEqual(['a:1'])
    const manifest = await source.manifest(none, only, io)
    if (manifest?.kind !== 'image') throw new Error('no image')
    await expect(source.put(none, manifest, only, io)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
    await expect(source.push(none, manifest.layers[0]!, () => Promise.reject(new Error('never')), io)).rejects.toThrow('was opened to be read')
    const reason = new Error('enough')
    const aborted = { signal: AbortSignal.abort(reason) }
    for (const ask of [() => source.tags(none, aborted), () => source.resolve(none, only, aborted), () => source.manifest(none, only, aborted)]) await expect(ask()).rejects.toBe(reason)
  })

  test('to be written: nothing is made for one that nothing was put into', async () => {
    const folder = await testFolder()
    for (const transport of ['docker-archive', 'oci-archive']) {
      const target = openLayout(`${transport}:${folder}/a.tar`)
      await target.finish()
      await target[Symbol.asyncDispose]()
    }
    expect(await readdir(folder)).toEqual([])
  })

  test('from one tar file to another format', async () => {
    const folder = await testFolder()
    await writeFile(join(folder, 'layer.tar'), await layerOf('x'))
    await using source = openLayout(`tarball:${folder}/layer.tar`, { readOnly: true })
    const manifest = await source.manifest(none, only, io)
    if (manifest?.kind !== 'image' || !manifest.config) throw new Error('no image')
    for (const [transport, name] of [['oci-archive', 'v1'], ['docker-archive', 'docker.io/library/a:v1']] as const) {
      const target = openLayout(`${transport}:${folder}/${transport}.tar`)
      for (const desc of [...manifest.layers, manifest.config]) await target.push(none, desc, (offset) => source.blob(none, desc, { ...io, offset }), io)
      await target.put(none, manifest, name as Tag, io)
      await target.finish()
      await using back = openLayout(`${transport}:${folder}/${transport}.tar`, { readOnly: true })
      expect(await back.manifest(none, name as Tag, io)).toMatchObject({ config: { digest: manifest.config.digest } })
    }
  })
})
