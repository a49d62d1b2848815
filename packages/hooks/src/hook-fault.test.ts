import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hookFault } from './hook-fault.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-hooks-'))
  await mkdir(join(folder, 'folder'))
  for (const [name, text, mode] of [['fit', '#!/bin/sh\nexit 1\n', 0o700], ['unfit', '#!/bin/sh\n', 0o600], ['windows', '#!/bin/sh\r\n', 0o700], ['nobody', '#! /no/such/interpreter -x\n', 0o700], ['bare', 'exit 0\n', 0o700]] as const) {
    await writeFile(join(folder, name), text, { mode })
  }
})
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const ofCommand = async (program: string, env: Readonly<Record<string, string>> = {}): Promise<string | undefined> => await hookFault({ kind: 'command', command: [program, '--now'], timeoutMs: 1 }, env)

describe('a command', () => {
  test.each<[string, RegExp]>([
    ['fit', /^none$/],
    ['bare', /^none$/],
    ['none', /none" is not there; put it there, with its interpreter/],
    ['fit/none', /none" is not there/],
    ['unfit', /unfit" may not be run by this user \(EACCES\); make it executable \(chmod \+x\)/],
    ['folder', /folder" is no file; name a program/],
    ['windows', /wants to be run by "\/bin\/sh\\r", which is not there; .*\(its lines end as on Windows\)/],
    ['nobody', /wants to be run by "\/no\/such\/interpreter", which is not there/],
  ])('named by its path: %s', async (name, says) => { expect(await ofCommand(join(folder, name)) ?? 'none').toMatch(says) })

  test('named by a path from where Longshore was started', async () => { expect(await ofCommand('./none')).toContain(`longshore was started, ${process.cwd()}: put it there`) })

  test('is looked for along PATH, past what cannot be run', async () => {
    expect(await ofCommand('fit', { PATH: `/nonexistent:${folder}` })).toBeUndefined()
    expect(await ofCommand('fit', { PATH: '/nonexistent' })).toBe('"fit" is not there; install fit, name it with its whole path, or correct PATH')
    expect(await ofCommand('unfit', { PATH: folder })).toMatch(/may not be run/)
    expect(await ofCommand('sh')).toBeUndefined()
  })
})

describe('an address', () => {
  const ofHttp = async (env: Readonly<Record<string, string>>): Promise<string | undefined> => await hookFault({ kind: 'http', url: 'https://${HOST}/freeze', headers: { authorization: 'Bearer ${TOKEN}' }, timeoutMs: 1 }, env)
  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['all variables', { HOST: 'h', TOKEN: 't' }, /^none$/],
    ['one variable missing', { HOST: 'h' }, /^the header authorization needs TOKEN, which is not set in the environment of this process/],
    ['a proxy that is none', { HOST: 'h', TOKEN: 't', HTTPS_PROXY: 'http://:x:y' }, /^HTTPS_PROXY in the environment is not a URL/],
  ])('with %s', async (_, env, says) => { expect(await ofHttp(env) ?? 'none').toMatch(says) })
})
