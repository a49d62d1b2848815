import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Credentials, Keychain } from '@longshore/credentials'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccessHint, hintedKeychain, hintsFor } from './access-hint.ts'

const basic = (username: string): Credentials => ({ kind: 'basic', username, password: 'p' })
const stored: Keychain = { credentialsFor: async () => basic('stored') }
const hint = (username: string, more: Partial<AccessHint> = {}): AccessHint => ({ registry: 'r.io', origin: 'f:1', credentials: basic(username), ...more })

describe('credentials', () => {
  const hints = [hint('team', { prefix: 'team' }), hint('all'), hint('app', { prefix: 'team/app' }), hint('target', { registry: 't.io', side: 'destination' }), hint('', { registry: 'n.io', credentials: { kind: 'none' } })]
  test.each([
    ['r.io', 'team/app/x', 'app'], ['r.io', 'team/app', 'app'], ['r.io', 'team/apple', 'team'], ['r.io', 'teams', 'all'], ['r.io', undefined, 'all'], ['s.io', 'x', 'stored'], ['t.io', 'x', 'stored'],
  ])('%s/%s is asked for as %s', async (registry, repository, username) => {
    expect(await hintedKeychain(hints, 'source', stored, {}).credentialsFor(registry, repository)).toMatchObject({ username })
  })
  test('a side of its own', async () => { expect(await hintedKeychain(hints, 'destination', stored, {}).credentialsFor('t.io', 'x')).toMatchObject({ username: 'target' }) })
  test('none, whatever is stored', async () => { expect(await hintedKeychain(hints, 'source', stored, {}).credentialsFor('n.io', 'x')).toBeUndefined() })
  test('what says nothing of credentials leaves those that are stored', async () => {
    const { credentials: _, ...silent } = hint('', { tlsVerify: false })
    expect(await hintedKeychain([silent], 'source', stored, {}).credentialsFor('r.io')).toMatchObject({ username: 'stored' })
    expect(hintsFor([silent], 'source', 'r.io')).toEqual([silent])
  })
})

describe('a helper', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-hint-'))
    const program = join(folder, 'docker-credential-mine')
    await writeFile(program, '#!/bin/sh\necho "$1" >>"$(dirname "$0")/calls"\nread server\nprintf \'{"Username":"%s","Secret":"s"}\' "$server"\n')
    await chmod(program, 0o755)
  })
  afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

  test('is asked by registry, once', async () => {
    const keychain = hintedKeychain([hint('', { credentials: { kind: 'helper', suffix: 'mine' } })], 'source', stored, { PATH: `${folder}:${process.env['PATH']}` })
    const answers = await Promise.all([keychain.credentialsFor('r.io', 'a'), keychain.credentialsFor('r.io', 'b')])
    expect(answers).toEqual([{ kind: 'basic', username: 'r.io', password: 's' }, { kind: 'basic', username: 'r.io', password: 's' }])
  })
  test('that is not there is named, with the place that names it', async () => {
    const keychain = hintedKeychain([hint('', { credentials: { kind: 'helper', suffix: 'gone' } })], 'source', stored, { PATH: folder })
    await expect(keychain.credentialsFor('r.io')).rejects.toThrow(/docker-credential-gone, which f:1 names for r\.io/)
  })
})
