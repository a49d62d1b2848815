import { describe, expect, test } from 'vitest'
import { findCredentials, isSecretName } from './find-credentials.ts'

describe('credentials in a spec', () => {
  test.each<[string, string, string]>([
    ['a list', 'ok/app:1\nuser:s3cret@r.example.com/app:1\n', '2:1'], ['behind a source', 'ok/app:1 u:p@r.example.com/x', '1:10'], ['in a pair with =', 'a:1=u:p@r.example.com/x', '1:1'],
    ['in a URL', 'https://user:s3/cr@et@r.example.com/app', '1:1'], ['behind docker://', 'docker://u:p@127.0.0.1:5000/app:1', '1:1'], ['before an IPv6 address', 'u:p@[::1]:5000/app', '1:1'],
    ['in a YAML value', 'version: 1\nfrom: u:p@r.example.com\nimages: [a:1]', '2:7'], ['in a YAML string', 'version: 1\nto: "u:p@r.example.com"\n', '2:6'], ['in a flow', 'version: 1\nimages: [a:1, u:p@h/x:1]', '2:15'],
    ['a YAML key', 'version: 1\npassword: x\n', '2:1'], ['a YAML key of an item', 'version: 1\nimages:\n  - name: app\n    registry-token: x\n', '4:5'], ['the first key of an item', 'images:\n  - username: x\n', '2:5'],
    ['a key in a flow', 'version: 1\nauth: {}\nimages: [{ name: a, "password": x }]', '2:1'], ['a quoted key', '{"token": "x"}', '1:2'],
  ])('%s', (_, content, place) => {
    const [found] = findCredentials({ name: 'f', content }, undefined)
    expect(`${found?.line}:${found?.column}`).toBe(place)
    expect(found?.message).not.toMatch(/s3|u:p/)
  })

  const digest = `sha256:${'0'.repeat(64)}`
  test.each<[string, string]>([
    ['a digest behind a tag', `app:1@${digest}`], ['a port', 'r.example.com:5000/app:1'], ['a name that looks like a key', 'token:1.0\npassword:2\nauth/app:1'], ['a comment', 'a:1 # ask u:p@example.com'],
    ['names of YAML that look like keys', 'version: 1\nimages:\n  - name: token\n  - auth:1.2\n  - secret/app:1'], ['a rule over names', 'version: 1\nimages:\n  - repositories: { include: ["/^(?:foo@bar)/"] }'],
    ['a SHA-512', `app:1@sha512:${'0'.repeat(128)}`],
  ])('not %s', (_, content) => { expect(findCredentials({ name: 'f', content }, undefined)).toEqual([]) })

  test('megabytes of one line take no time', () => {
    const startedMs = performance.now()
    for (const line of ['a'.repeat(2e6), 'a:'.repeat(1e6), 'a:b@'.repeat(5e5), `${' '.repeat(1e6)}x`, `${'- '.repeat(1e6)}x`, `version: 1\n${'  '.repeat(1e6)}x: 1`, '=a:'.repeat(7e5), `${'=a:'.repeat(7e5)}@h`, '//a:b'.repeat(4e5), '{ '.repeat(1e6), `{${' '.repeat(2e6)}`, '@sha256:'.repeat(2e5), '#'.repeat(2e6)]) findCredentials({ name: 'f', content: `version: 1\n${line}` }, 'yaml')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test.each([['srcCreds', true], ['password', true], ['registryToken', true], ['authfile', true], ['username', true], ['window', false], ['from', false]])('a parameter called %s carries some: %s', (name, yes) => { expect(isSecretName(name)).toBe(yes) })
})
