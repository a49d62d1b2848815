import { readFile } from 'node:fs/promises'
import { digestOf } from '@longshore/oci'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeTestKeys, never, type TestKeys } from './gpg.fixture.ts'
import { dumpSimpleWithoutVerification, Keyring, openSimpleKey, signSimple, verifySimple } from './index.ts'

const manifest = '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}'
const digest = digestOf(Buffer.from(manifest))
const reference = 'registry.example.com/team/app:1'
const payload = (changes: { readonly critical?: object; readonly optional?: unknown; readonly top?: object } = {}): string => JSON.stringify({
  critical: { type: 'atomic container signature', image: { 'docker-manifest-digest': digest }, identity: { 'docker-reference': reference }, ...changes.critical },
  optional: changes.optional ?? {}, ...changes.top,
})

let keys: TestKeys
let alice: string
let bob: string
let aliceRing: Keyring
beforeAll(async () => {
  keys = await makeTestKeys()
  alice = await keys.key('alice')
  bob = await keys.key('bob')
  aliceRing = await Keyring.of([await keys.publicKey(alice)], never)
})
afterAll(async () => {
  await aliceRing[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
})

const verify = async (message: Uint8Array, ring = aliceRing) => await verifySimple(message, ring, never)

describe('signing', () => {
  const sign = async (by: string, passphrase?: string) => await signSimple(await openSimpleKey({ fingerprint: by, passphrase, gnupgHome: keys.home, signal: never }), { manifest: digest, reference, creator: 'Longshore 0.1.0' }, never)

  test('what we sign, we verify', async () => {
    expect(await verify(await sign(alice))).toMatchObject({ manifest: digest, reference, creator: 'Longshore 0.1.0', fingerprint: alice, primaryFingerprint: alice })
  })

  test('what we sign, skopeo verifies', async () => {
    const [file, signature] = [await keys.write('m.json', manifest), await keys.write('ours.sig', await sign(alice))]
    expect((await keys.run('skopeo', ['standalone-verify', file, reference, alice, signature])).stdout).toBe(`Signature verified, digest ${digest}\n`)
    expect(JSON.parse((await keys.run('skopeo', ['untrusted-signature-dump-without-verification', signature])).stdout)).toMatchObject({ UntrustedDockerReference: reference, UntrustedCreatorID: 'Longshore 0.1.0' })
  })

  test('what skopeo signs, we verify', async () => {
    const file = await keys.write('m.json', manifest)
    expect((await keys.run('skopeo', ['standalone-sign', file, reference, alice, '--output', keys.path('theirs.sig')])).code).toBe(0)
    expect(await verify(await readFile(keys.path('theirs.sig')))).toMatchObject({ manifest: digest, reference, fingerprint: alice })
  })

  test('a passphrase is tried before anything is signed, and never shown', async () => {
    const locked = await keys.key('locked', { passphrase: 'correct horse' })
    expect((await sign(locked, 'correct horse')).byteLength).toBeGreaterThan(100)
    await keys.run('gpgconf', ['--kill', 'gpg-agent'])
    const error = await openSimpleKey({ fingerprint: locked, passphrase: 'wrong donkey', gnupgHome: keys.home, signal: never }).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'SIGNING_FAILED', message: `cannot sign by "${locked}": the passphrase is wrong` })
    await expect(openSimpleKey({ fingerprint: locked, passphrase: 'two\nlines', gnupgHome: keys.home, signal: never })).rejects.toThrow('must not contain a line break')
  })

  test.each([
    ['an unknown key', async () => 'F'.repeat(40), 'no such secret key'],
    ['a name that is an option', async () => '--version', 'no such secret key'],
    ['a name of several keys', async () => 'example.com', 'secret keys go by that name'],
    ['an expired key', async () => {
      await keys.key('brief', { expires: 'seconds=1' })
      await new Promise((resolve) => { setTimeout(resolve, 2100) })
      return 'brief@example.com'
    }, 'the key has expired'],
  ])('%s is refused at once', async (_what, name, why) => {
    await expect(openSimpleKey({ fingerprint: await name(), gnupgHome: keys.home, signal: never })).rejects.toThrow(why)
  })
})

describe('verifying', () => {
  test('a good signature, also armoured, compressed or not', async () => {
    for (const args of [['--sign'], ['--armor', '--sign'], ['-z', '0', '--sign']]) expect((await verify(await keys.sign(alice, payload(), ...args))).reference).toBe(reference)
  })

  test('a changed byte anywhere is refused', async () => {
    const message = await keys.sign(alice, payload(), '-z', '0', '--sign')
    const at = message.indexOf('registry.example.com')
    message[at] = 'R'.charCodeAt(0)
    await expect(verify(message)).rejects.toThrow('it does not fit what it signs')
  })

  test('a key that is not among those named is refused', async () => {
    await expect(verify(await keys.sign(bob, payload()))).rejects.toThrow('its key is not among those expected')
  })

  test('an expired signature is refused', async () => {
    const message = await keys.sign(alice, payload(), '--default-sig-expire', 'seconds=1', '--sign')
    await new Promise((resolve) => { setTimeout(resolve, 2100) })
    await expect(verify(message)).rejects.toThrow('it has expired')
  })

  test('the signature of a key that has expired since, or was revoked, is refused', async () => {
    const brief = await keys.key('short', { expires: 'seconds=2' })
    const message = await keys.sign(brief, payload())
    const revoked = await keys.key('revoked')
    const other = await keys.sign(revoked, payload())
    const certificate = (await readFile(keys.path(`openpgp-revocs.d/${revoked}.rev`), 'utf8')).replace(':-----BEGIN', '-----BEGIN')
    await keys.run('gpg', ['--batch', '--import', await keys.write('revocation.asc', certificate)])
    await new Promise((resolve) => { setTimeout(resolve, 3100) })
    await using ring = await Keyring.of([await keys.publicKey(brief), await keys.publicKey(revoked)], never)
    await expect(verify(message, ring)).rejects.toThrow('its key has expired')
    await expect(verify(other, ring)).rejects.toThrow('its key was revoked')
  })

  test('two signatures are refused, both good or one of them bad', async () => {
    await using both = await Keyring.of([await keys.publicKey(alice), await keys.publicKey(bob)], never)
    const message = await keys.sign(alice, payload(), '--local-user', bob, '--sign')
    await expect(verify(message, both)).rejects.toThrow('Unexpected GPG signature count 2')
    await expect(verify(message)).rejects.toThrow('Unexpected GPG signature count 2')
  })

  test('of messages behind one another, nothing unsigned is ever taken', async () => {
    const evil = payload({ critical: { identity: { 'docker-reference': 'evil/evil:1' } } })
    for (const level of ['0', '6']) {
      const message = await keys.sign(alice, payload(), '-z', level, '--sign')
      const unsigned = await keys.sign(alice, evil, '-z', level, '--store')
      const byBob = await keys.sign(bob, evil, '-z', level, '--sign')
      for (const other of [unsigned, byBob]) {
        await expect(verify(Buffer.concat([other, message]))).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
        // What stands behind a message that gpg has closed, it does not read.
        expect(await verify(Buffer.concat([message, other])).then((good) => good.reference, (error: { code: string }) => error.code)).toBeOneOf([reference, 'SIGNATURE_INVALID'])
      }
    }
  })

  test.each([
    ['nothing', async () => Buffer.alloc(0)],
    ['noise', async () => Buffer.from('no signature at all')],
    ['a message without a signature', async () => await keys.sign(alice, payload(), '--store')],
    ['a detached signature', async () => await keys.sign(alice, payload(), '--detach-sign')],
    ['a public key', async () => await keys.publicKey(alice)],
    ['a message cut short', async () => (await keys.sign(alice, payload())).subarray(0, 200)],
  ])('%s is refused', async (_what, make) => {
    await expect(verify(await make())).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  test('a subkey signs for the key that it belongs to', async () => {
    await keys.run('gpg', ['--batch', '--passphrase', '', '--quick-add-key', bob, 'ed25519', 'sign', 'never'])
    await using ring = await Keyring.of([await keys.publicKey(bob)], never)
    const verified = await verify(await keys.sign(bob, payload()), ring)
    expect(verified.primaryFingerprint).toBe(bob)
    expect(verified.fingerprint).not.toBe(bob)
  })

  test('a ring needs a key', async () => {
    await expect(Keyring.of([Buffer.from('no key')], never)).rejects.toThrow('No public keys imported')
  })
})

describe('the signed content', () => {
  test.each([
    ['unknown members outside optional', payload({ top: { more: 1 } })],
    ['an unknown critical member', payload({ critical: { more: 1 } })],
    ['an unknown member of critical.image', payload({ critical: { image: { 'docker-manifest-digest': digest, more: 1 } } })],
    ['an unknown member of critical.identity', payload({ critical: { identity: { 'docker-reference': reference, more: 1 } } })],
    ['another type', payload({ critical: { type: 'cosign container image signature' } })],
    ['a type in other letters', payload({ critical: { type: 'Atomic container signature' } })],
    ['a malformed digest', payload({ critical: { image: { 'docker-manifest-digest': 'sha256:abc' } } })],
    ['no identity', payload({ critical: { identity: {} } })],
    ['a reference that is no string', payload({ critical: { identity: { 'docker-reference': [reference] } } })],
    ['optional that is null', payload().replace('"optional":{}', '"optional":null')],
    ['no optional', payload().replace(',"optional":{}', '')],
    ['a creator that is no string', payload({ optional: { creator: 1 } })],
    ['a timestamp with a fraction', payload({ optional: { timestamp: 1.5 } })],
    ['a member twice', payload().replace('"docker-reference"', '"docker-reference":"evil/evil:1","docker-reference"')],
    ['a member twice, once escaped', payload().replace('"docker-reference"', '"docker-referenc\\u0065":"evil/evil:1","docker-reference"')],
    ['a member __proto__', payload().replace('"optional":{}', '"optional":{},"__proto__":{}')],
    ['text behind the object', `${payload()} {}`],
    ['a byte order mark', `\ufeff${payload()}`],
    ['an array', `[${payload()}]`],
    ['nothing', ''],
  ])('%s refuses', async (_what, content) => {
    await expect(verify(await keys.sign(alice, content))).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  test('bytes that are not UTF-8 refuse', async () => {
    await expect(verify(await keys.sign(alice, Buffer.from(payload({ optional: { creator: 'é' } }), 'latin1')))).rejects.toThrow('not UTF-8')
  })

  test('unknown optional members pass', async () => {
    expect(await verify(await keys.sign(alice, payload({ optional: { more: [1], creator: 'x', timestamp: 1483228800 } })))).toMatchObject({ creator: 'x', timestamp: 1483228800 })
  })

  test('it can be shown without a key', async () => {
    await using empty = await makeTestKeys()
    expect(await dumpSimpleWithoutVerification(await keys.sign(alice, payload({ optional: { timestamp: 1 } })), empty.home, never)).toMatchObject({ reference, keyId: alice.slice(-16), timestamp: 1 })
    await expect(dumpSimpleWithoutVerification(await keys.sign(alice, payload(), '--store'), empty.home, never)).rejects.toThrow('no signed OpenPGP message')
  })
})
