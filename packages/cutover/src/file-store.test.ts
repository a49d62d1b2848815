import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeCutoverStore, specOf } from '@longshore/testing/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileStore } from './file-store.ts'
import type { Change } from './record.ts'

import { VersionedFile } from './versioned-file.ts'

const options = { srcTlsVerify: true, destTlsVerify: true }
let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-state-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

describeCutoverStore('a folder', async () => {
  const place = await mkdtemp(join(tmpdir(), 'longshore-state-'))
  return { stores: [new FileStore(place), new FileStore(place)], [Symbol.asyncDispose]: () => rm(place, { recursive: true, force: true }) }
})

/** Another process, with the store of this folder as `store`. */
async function elsewhere(script: string): Promise<{ readonly pid: number; readonly kill: () => Promise<void>; readonly said: Promise<string> }> {
  const index = join(import.meta.dirname, 'index.ts')
  const child = spawn(process.execPath, ['--input-type=module', '-e', `import { FileStore } from ${JSON.stringify(index)}\nconst store = new FileStore(${JSON.stringify(folder)})\n${script}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = once(child.stdout, 'data').then(([text]) => String(text).trim())
  const exited = once(child, 'exit')
  return { pid: child.pid ?? 0, said, async kill() { child.kill('SIGKILL'); await exited } }
}

describe('a folder', () => {
  test('of several that begin in it at once one does, and the others change nothing and are told who', async () => {
    const begun = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => new FileStore(folder).beginHeld(specOf('v1', { deadlineMs: i }), options, `number ${i}`)))
    const [first, ...more] = begun.flatMap((one, i) => (one.status === 'fulfilled' ? [{ i, ...one.value }] : []))
    expect(more).toEqual([])
    for (const one of begun) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CUTOVER_HELD', message: expect.stringContaining(`is under way already, in number ${first!.i}`) })
    const store = new FileStore(folder)
    expect(await store.list()).toHaveLength(1)
    await expect(store.beginHeld(specOf('v1', { deadlineMs: 99 }), options, 'late')).rejects.toMatchObject({ code: 'CUTOVER_HELD', message: `cutover ${first!.record.id} is under way already, in number ${first!.i}` })
    expect((await store.get(first!.record.id))?.spec.cutover?.freeze.deadlineMs).toBe(first!.i)
    await first!.hold[Symbol.asyncDispose]()
    const next = await store.beginHeld(specOf('v1'), options, 'next')
    expect(next).toMatchObject({ resumed: true, record: { id: first!.record.id } })
    await next.hold[Symbol.asyncDispose]()
  })

  test('what a killed process held is free, and what it was writing is tidied away', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    const other = await elsewhere(`await store.hold(${JSON.stringify(id)}, 'doomed'); console.log('held'); setInterval(() => {}, 1000)`)
    expect(await other.said).toBe('held')
    expect(await store.holder(id)).toBe('doomed')
    expect(await store.hold(id, 'us')).toBeUndefined()
    await writeFile(join(folder, id, `.record.${other.pid}.0.tmp`), 'half')
    await other.kill()
    expect(await store.holder(id)).toBeUndefined()
    await using hold = await store.hold(id, 'us')
    expect(hold).toBeDefined()
    expect((await readdir(join(folder, id))).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('a process that has the number of a dead one is not taken for it', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    const { hostname } = await import('node:os')
    await new VersionedFile(join(folder, id), 'holder').update(() => ({ holder: 'of another boot', mark: { host: hostname(), pid: process.pid, born: 'another boot 1' } }))
    expect(await store.holder(id)).toBeUndefined()
    await using hold = await store.hold(id, 'us')
    expect(hold).toBeDefined()
  })

  test('a holder on another machine counts as long as it is heard of', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    await new VersionedFile(join(folder, id), 'holder').update(() => ({ holder: 'far away', mark: { host: 'elsewhere', pid: 1 } }))
    expect(await store.hold(id, 'us')).toBeUndefined()
    const { utimes } = await import('node:fs/promises')
    await utimes(join(folder, id, 'holder.1.json'), new Date(0), new Date(0))
    await using hold = await store.hold(id, 'us')
    expect(hold).toBeDefined()
  })

  test('many writers that are killed at any instant leave a record that is whole', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    for (let round = 0; round < 4; round++) {
      const before = (await store.get(id))?.passCount ?? 0
      const other = await elsewhere(`console.log('go'); for (;;) await store.update(${JSON.stringify(id)}, (r) => ({ ...r, passCount: r.passCount + 1 }))`)
      await other.said
      for (const until = Date.now() + 10_000; ((await store.get(id))?.passCount ?? 0) < before + 5 + round * 3;) {
        if (Date.now() > until) throw new Error('the other process writes nothing')
        await store.update(id, (record) => ({ ...record, passCount: record.passCount + 1 }))
      }
      await other.kill()
      const { passCount = 0 } = await store.get(id) ?? {}
      expect((await store.update(id, (record) => ({ ...record, passCount: record.passCount + 1 }))).passCount).toBe(passCount + 1)
    }
    expect((await readdir(join(folder, id))).filter((name) => name.startsWith('record.')).length).toBeLessThan(15)
  })

  test('a writer that was suspended for long does not overwrite what came meanwhile', async () => {
    const file = new VersionedFile<number>(folder, 'n')
    await file.update(() => 0)
    let isFirst = true
    let others: Promise<unknown> | undefined
    await file.update((now) => now)
    // Twenty versions come between its reading and its writing.
    const late = new VersionedFile<number>(folder, 'n')
    const read = late.read.bind(late)
    late.read = async () => {
      const found = await read()
      if (isFirst) {
        isFirst = false
        others = (async () => { for (let i = 0; i < 20; i++) await file.update((n = 0) => n + 1) })()
        await others
      }
      return found
    }
    expect((await late.update((n = 0) => n + 1))?.value).toBe(21)
    expect((await file.read())?.value).toBe(21)
  })

  test('a spec of other images is the same cutover: what was proven of the former ones does not count', async () => {
    const store = new FileStore(folder)
    const { record } = await store.begin(specOf('v1'), options)
    const frozen = { requested: record.created, by: 'person', frozen: record.created, deadline: record.created } as const
    await store.update(record.id, (now) => ({ ...now, phase: 'deciding', freeze: { ...frozen, caughtUp: now.created }, verification: { images: 1 } as never }))
    const { record: renewed, resumed } = await store.begin(specOf('v2'), options)
    expect(resumed).toBe(true)
    expect(renewed).toEqual({ ...record, spec: specOf('v2'), phase: 'final', freeze: frozen })
    expect(await new FileStore(folder).get(record.id)).toEqual(renewed)
  })

  test('a spec of other registries does not push a cutover aside', async () => {
    const store = new FileStore(folder)
    const { record } = await store.begin(specOf('v1'), options)
    const [one] = specOf('v2').entries
    const elsewhere = { ...specOf('v2'), entries: [{ ...one!, destinations: [{ kind: 'under' as const, registry: 'third:5000', prefix: '', rename: [] }] }] }
    await expect(store.begin(elsewhere, options)).rejects.toMatchObject({ code: 'CUTOVER_STATE', message: expect.stringContaining(`holds cutover ${record.id}, which is at bulk and moves between other registries`) })
    await store.update(record.id, (now) => ({ ...now, phase: 'aborted' }))
    expect((await store.begin(elsewhere, options)).resumed).toBe(false)
  })

  test('a spec that gives the same images other names is refused, until that cutover has ended', async () => {
    const store = new FileStore(folder)
    const { record } = await store.begin(specOf('v1'), options)
    const [entry] = specOf('v1').entries
    const renamed = { ...specOf('v1'), entries: [{ ...entry!, destinations: [{ kind: 'under', registry: 'new:5000', prefix: 'mirror', rename: [] } as const] }] }
    await expect(store.begin(renamed, options)).rejects.toMatchObject({ code: 'CUTOVER_STATE', message: expect.stringMatching(/at bulk: old:5000\/team\/app was moved to new:5000\/team\/app so far, and would be moved to new:5000\/mirror\/team\/app; .* end that cutover \(longshore cutover abort/) })
    expect((await store.get(record.id))?.spec).toEqual(specOf('v1'))
    await store.update(record.id, (now) => ({ ...now, phase: 'aborted' }))
    expect(await store.begin(renamed, options)).toMatchObject({ resumed: false })
  })

  test('changes beyond what is kept are forgotten, and everything is due', async () => {
    const store = new FileStore(folder, { mostChanges: 10 })
    const { record: { id } } = await store.begin(specOf('v1'), options)
    const change = (tag: string): Change => ({ registry: 'old:5000', repository: 'team/app', tag, action: 'push' })
    await store.addChanges(id, Array.from({ length: 10 }, (_, i) => change(`t${i}`)))
    await store.addChanges(id, [change('t5')])
    expect([(await store.changes(id, 20)).length, (await store.get(id))?.due]).toEqual([10, undefined])
    await store.addChanges(id, [change('one more')])
    expect(await store.changes(id, 20)).toEqual([])
    expect(Date.parse((await store.get(id))?.due ?? '')).toBeGreaterThan(0)
    await store.addChanges(id, [change('later')])
    expect((await store.changes(id, 20)).map(({ change: { tag } }) => tag)).toEqual(['later'])
  })

  test.skipIf(process.platform !== 'linux')('a holder in another container is not taken for dead because no process here has its number', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    const { hostname } = await import('node:os')
    // Containers on their host's network have its name, and processes of their own.
    await new VersionedFile(join(folder, id), 'holder').update(() => ({ holder: 'in a container', mark: { host: hostname(), space: 'pid:[1]', pid: 2 ** 22 + 1, born: 'this boot 1' } }))
    expect(await store.hold(id, 'us')).toBeUndefined()
  })

  test('a folder that cannot be used is told with its cure', async () => {
    const path = join(folder, 'file')
    await appendFile(path, '')
    await expect(new FileStore(path).begin(specOf('v1'), options)).rejects.toMatchObject({ code: 'CUTOVER_STATE' })
    expect(await new FileStore(join(folder, 'none')).list()).toEqual([])
    expect((await new FileStore(join(folder, 'a', 'b', 'c')).begin(specOf('v1'), options)).resumed).toBe(false)
  })

  // Node's mkdir with recursive: true never comes back from such a place.
  test.skipIf(process.platform !== 'linux')('a folder where none can be made is an error', async () => {
    await expect(new FileStore('/proc/longshore/state').begin(specOf('v1'), options)).rejects.toMatchObject({ code: 'CUTOVER_STATE', message: expect.stringContaining('cannot be written (ENOENT)') as unknown })
  })

  test('a record that somebody spoilt is named', async () => {
    const store = new FileStore(folder)
    const { record: { id } } = await store.begin(specOf('v1'), options)
    await writeFile(join(folder, id, 'record.1.json'), '{')
    await expect(store.get(id)).rejects.toMatchObject({ code: 'CUTOVER_STATE', message: expect.stringContaining('record.1.json: is not what Longshore wrote') })
    expect(await readFile(join(folder, id, 'spec.json'), 'utf8')).toContain('team/app')
  })
})
