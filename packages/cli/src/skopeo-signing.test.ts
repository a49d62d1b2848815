// The four commands, in processes of their own with a keyring of their own, beside the real skopeo.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let home: string
let fingerprint: string
const manifest = '{"schemaVersion":2}'
const reference = 'registry.example.com/team/app:1'

const run = async (command: string, ...args: readonly string[]) => await new Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resolve) => {
  execFile(command, [...args], { env: { PATH: process.env['PATH'], HOME: home, GNUPGHOME: home, LC_ALL: 'C' } }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }))
})
const longshore = async (...args: readonly string[]) => await run(process.execPath, join(import.meta.dirname, 'main.ts'), ...args)
const at = (name: string): string => join(home, name)

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'longshore-keys-'))
  await run('gpg', '--batch', '--pinentry-mode', 'loopback', '--passphrase', 'open sesame', '--quick-generate-key', 'alice', 'ed25519', 'sign', 'never')
  fingerprint = /^fpr:+([0-9A-F]+):/m.exec((await run('gpg', '--with-colons', '--list-keys')).stdout)![1]!
  await run('gpg', '--output', at('alice.gpg'), '--export', fingerprint)
  for (const [name, text] of [['m.json', manifest], ['pass', 'open sesame\nmore'], ['wrong', 'close sesame'], ['other.json', '{}']] as const) await writeFile(at(name), text)
  await run('gpgconf', '--kill', 'gpg-agent')
})
afterAll(async () => {
  await run('gpgconf', '--kill', 'all')
  await rm(home, { recursive: true, force: true })
})

describe('skopeo\'s commands for signatures', { timeout: 120_000 }, () => {
  test('a wrong passphrase signs nothing and is not shown', async () => {
    const { code, stdout, stderr } = await longshore('standalone-sign', at('m.json'), reference, fingerprint, '--output', at('no.sig'), '--passphrase-file', at('wrong'))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('the passphrase is wrong')
    expect(stderr).not.toContain('sesame')
    await expect(readFile(at('no.sig'))).rejects.toThrow('ENOENT')
  })

  test('sign, verify and dump agree with skopeo\'s', async () => {
    expect(await longshore('standalone-sign', at('m.json'), reference, fingerprint, '-o', at('ours.sig'), '--passphrase-file', at('pass'))).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await run('skopeo', 'standalone-verify', at('m.json'), reference, fingerprint, at('ours.sig'))).code).toBe(0)
    expect((await run('skopeo', 'standalone-sign', at('m.json'), reference, fingerprint, '-o', at('theirs.sig'), '--passphrase-file', at('pass'))).code).toBe(0)
    const good = expect.stringMatching(new RegExp(`^Signature verified using fingerprint ${fingerprint}, digest sha256:[0-9a-f]{64}\\n$`)) as string
    expect(await longshore('standalone-verify', at('m.json'), reference, fingerprint, at('theirs.sig'))).toEqual({ code: 0, stdout: good, stderr: '' })
    expect(await longshore('standalone-verify', at('m.json'), reference, `${'0'.repeat(40)},${fingerprint}`, at('ours.sig'), '--public-key-file', at('alice.gpg'))).toMatchObject({ code: 0, stdout: good })
    expect(await longshore('standalone-verify', at('m.json'), reference, 'any', at('ours.sig'), '--public-key-file', at('alice.gpg'))).toMatchObject({ code: 0, stdout: good })
    const [ours, theirs] = await Promise.all([longshore('untrusted-signature-dump-without-verification', at('theirs.sig')), run('skopeo', 'untrusted-signature-dump-without-verification', at('theirs.sig'))])
    expect(ours).toEqual(theirs)
  })

  test.each([
    ['another manifest', () => [at('other.json'), reference, fingerprint, at('ours.sig')], 'Signature for docker digest'],
    ['another reference', () => [at('m.json'), 'registry.example.com/team/app:2', fingerprint, at('ours.sig')], 'does not match \\"registry.example.com/team/app:2\\"'],
    ['another fingerprint', () => [at('m.json'), reference, '0'.repeat(40), at('ours.sig')], 'does not match expected fingerprints'],
    ['any without a key file', () => [at('m.json'), reference, 'any', at('ours.sig')], 'Cannot use any fingerprint without a public key file'],
    ['no signature', () => [at('m.json'), reference, fingerprint, at('m.json')], 'Invalid GPG signature'],
    ['a file that is not there', () => [at('m.json'), reference, fingerprint, at('nowhere')], 'cannot be read (ENOENT)'],
  ])('%s is refused', async (_what, args, why) => {
    const { code, stdout, stderr } = await longshore('standalone-verify', ...args())
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining(why) as string })
  })

  test('generate-sigstore-key writes a pair once, and never over it', async () => {
    await writeFile(at('passphrase'), 'hush\n')
    const made = await longshore('generate-sigstore-key', '--output-prefix', at('key'), '--passphrase-file', at('passphrase'))
    expect(made.stderr).toBe('')
    expect(made.stdout).toBe(`Key written to "${at('key.private')}" and "${at('key.pub')}"\n`)
    expect((await stat(at('key.private'))).mode & 0o777).toBe(0o600)
    expect(await readFile(at('key.private'), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/)
    expect((await longshore('generate-sigstore-key', '--output-prefix', at('key'), '--passphrase-file', at('passphrase'))).stderr).toContain('Refusing to overwrite existing')
  })
})
