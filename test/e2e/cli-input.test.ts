// What goes wrong before anything moves, or with a registry as a whole: each says what it is, and what to do.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedRegistry, kubesphereCorpus, seed, selfSignedCert, startEmbeddedRegistry } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
/** Nothing listens on this port. */
const nowhere = '127.0.0.1:1'
let folder: string
const file = (name: string): string => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-input-'))
  await Promise.all([
    writeFile(file('good.txt'), 'library/app:1\n'), writeFile(file('empty.txt'), ''), writeFile(file('comments.txt'), '# nothing\n'),
    writeFile(file('binary'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2])), writeFile(file('bad.txt'), 'ok/app:1\nRedis:7\nok/../etc:1\n'),
    writeFile(file('escape.txt'), 'app:\u001b[31mred\n'), writeFile(file('collide.txt'), 'a/app:1 x/app:1\nb/app:1 x/app:1\n'),
    writeFile(file('bad.yaml'), 'version: 1\nimages:\n  - name: app\n    tgas: [1]\n'), writeFile(file('auth.json'), '{"auths": {"r": {"auth": "c2VjcmV0OnBhc3M="'),
    mkdir(file('folder')),
  ])
})
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

describe('wrong usage ends with 2 and a sentence on stderr', () => {
  const to = ['--to', `${nowhere}/x`]
  test.each<[what: string, args: () => readonly string[], says: RegExp]>([
    ['no command', () => [], /Usage: longshore/],
    ['an unknown command', () => ['migrat'], /unknown command 'migrat'[^]*Did you mean migrate/],
    ['no SPEC', () => ['migrate', ...to], /missing required argument 'SPEC'/],
    ['an unknown flag', () => ['migrate', file('good.txt'), '--form', 'x'], /unknown option '--form'[^]*--from/],
    ['a Redis that is none', () => ['migrate', file('good.txt'), ...to, '--redis', 'http://x'], /the Redis URL is not valid: it begins with none of the known schemes/],
    ['a number that is none', () => ['migrate', file('good.txt'), '--concurrency', 'many'], /--concurrency <N>' argument 'many' is invalid\. Give a whole number/],
    ['a bandwidth in bits', () => ['migrate', file('good.txt'), '--max-bandwidth', '5Mbit/s'], /Give bytes per second/],
    ['a boolean that is none', () => ['migrate', file('good.txt'), '--src-tls-verify=perhaps'], /Give true or false/],
    ['a platform that is none', () => ['migrate', file('good.txt'), '--platform', 'amd64'], /os\/architecture/],
    ['a policy without platforms', () => ['migrate', file('good.txt'), ...to, '--platform-policy', 'strip'], /give --platform with it/],
    ['credentials and none', () => ['migrate', file('good.txt'), ...to, '--src-creds', 'a:b', '--src-no-creds'], /--src-creds and --src-no-creds exclude each other/],
    ['a user without a password', () => ['migrate', file('good.txt'), ...to, '--dest-username', 'a'], /--dest-username and --dest-password go together/],
    ['stdin twice', () => ['migrate', '-', '-', ...to], /stdin can be read once/],
    ['no destination', () => ['migrate', file('good.txt')], /good\.txt:1:1: .*no destination registry: give --to/],
    ['a place that is none', () => ['migrate', file('good.txt'), '--to', 'http://x/'], /--to: .*leave out http/],
    ['a report in a folder that is not there', () => ['migrate', file('good.txt'), ...to, '--report', file('no/report.json')], /--report .*cannot be written \(ENOENT\)/],
    ['a report that is a folder', () => ['migrate', file('good.txt'), ...to, '--report', file('folder')], /is a directory; name a file/],
    ['one file for two things', () => ['migrate', file('good.txt'), ...to, '--report', file('r'), '--failed', file('r')], /name the same file/],
    ['an auth file that is not there', () => ['migrate', file('good.txt'), ...to, '--authfile', file('none.json')], /there is no auth file/],
    ['an auth file that is broken', () => ['migrate', file('good.txt'), ...to, '--authfile', file('auth.json')], /auth\.json/],
    ['certificates that are not there', () => ['migrate', file('good.txt'), ...to, '--dest-cert-dir', file('none')], /there is no directory .*none/],
    ['another shell', () => ['completion', 'tcsh'], /no completion for tcsh/],
    ['a file that is not there', () => ['migrate', file('none.txt'), ...to], /none\.txt: there is no such file/],
    // Root may read whatever has permissions; this fails for everyone.
    ['a file that cannot be read', () => ['migrate', '/proc/self/mem', ...to], /mem: cannot be read \(EIO\)/],
    ['a folder', () => ['migrate', file('folder'), ...to], /is a directory/],
    ['an empty file', () => ['migrate', file('empty.txt'), ...to], /is empty/],
    ['a boolean behind a blank', () => ['migrate', '--src-tls-verify', 'false', file('good.txt'), ...to], /write --src-tls-verify=false/],
    ['a binary file', () => ['migrate', file('binary'), ...to], /is a binary file/],
    ['malformed references, all of them', () => ['migrate', file('bad.txt'), ...to], /bad\.txt:2:1: .*lower case[^]*bad\.txt:3:1: .*not path components/],
    ['two files with mistakes, both of them', () => ['migrate', file('empty.txt'), file('bad.txt'), ...to], /empty\.txt[^]*bad\.txt:2/],
    ['control characters, spelled out', () => ['migrate', file('escape.txt'), ...to], /app:\\x1b\[31mred/],
    ['an unknown YAML key', () => ['migrate', file('bad.yaml'), ...to], /bad\.yaml:4:5: .*tgas/],
    ['a collision', () => ['migrate', file('collide.txt'), '--from', nowhere, '--to', nowhere, ...insecure], /x\/app:1: both .*collide\.txt:1.*and.*collide\.txt:2/],
    ['an image onto itself', () => ['migrate', file('good.txt'), '--from', nowhere, '--to', nowhere, ...insecure], /copied onto itself/],
  ])('%s', async (_, args, says) => {
    const { code, stdout, stderr } = await longshore(args())
    expect(stderr).toMatch(says)
    expect(stdout).toBe('')
    expect(stderr).not.toMatch(/^\s+at .*\.ts/m)
    // oxlint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/\u001b/)
    expect(code).toBe(2)
  })
})

test('a list of comments only is nothing to do', async () => {
  const report = file('nothing.json')
  const { code, stdout, stderr } = await longshore(['migrate', file('comments.txt'), '--to', nowhere, '--report', report])
  expect(stderr).toBe(`nothing to do: ${file('comments.txt')} names no images\n`)
  expect(stdout).toContain('0 copied, 0 already there, 0 failed')
  expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ outcome: 'complete', images: [] })
  expect(code).toBe(0)
})

test('--quiet prints the result alone, --debug every error behind a failure', async () => {
  const flags = ['--from', nowhere, '--to', nowhere.replace(':1', ':2'), ...insecure]
  const quiet = await longshore(['migrate', file('good.txt'), ...flags, '--quiet'])
  expect(quiet.stderr).toBe('')
  expect(quiet.stdout).toMatch(/^images +0 copied, 0 already there, 1 failed$/m)
  expect((await longshore(['migrate', file('comments.txt'), ...flags, '--quiet'])).stdout).toMatch(/^images +0 copied/m)
  expect((await longshore(['migrate', file('good.txt'), ...flags, '--debug'])).stderr).toMatch(/^longshore: CopyError COPY_FAILED: .*\nlongshore: {3}because ConnectionError HOST_UNREACHABLE: /m)
})

describe('a registry that cannot be used fails the images, with reason and cure', () => {
  const corpus = kubesphereCorpus(5, { scale: 0.02 }).filter((entry) => /coredns/.test(entry.repository) && entry.tag?.startsWith('sha256-') === false)
  const name = `${corpus[0]!.repository}:${corpus[0]!.tag}`
  let source: EmbeddedRegistry
  let html: EmbeddedRegistry
  let tls: EmbeddedRegistry
  let guarded: EmbeddedRegistry
  beforeAll(async () => {
    source = await startEmbeddedRegistry()
    await seed(source.url, corpus)
    html = await startEmbeddedRegistry()
    html.fail({ match: {}, times: Number.POSITIVE_INFINITY, how: { kind: 'html' } })
    const { ca, server } = await selfSignedCert()
    tls = await startEmbeddedRegistry({ tls: server })
    await writeFile(file('ca.pem'), ca)
    guarded = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { mover: 'right' } } })
  })
  afterAll(async () => { for (const registry of [source, html, tls, guarded]) await registry?.[Symbol.asyncDispose]() })

  test.each<[what: string, args: () => readonly string[], says: RegExp]>([
    ['nothing listens', () => ['--from', source.host, '--to', nowhere, ...insecure], /nothing listens there[^]*-> check the host name/],
    ['no such host', () => ['--from', 'nowhere.invalid', '--to', source.host, ...insecure], /nowhere\.invalid: no such host[^]*-> check the host name/],
    ['plain HTTP where TLS is expected', () => ['--from', source.host, '--to', html.host], /plain HTTP where TLS was expected[^]*--src-tls-verify=false/],
    ['a certificate that nobody trusts', () => ['--from', source.host, '--to', tls.host, '--src-tls-verify=false'], /certificate is not trusted[^]*--dest-tls-verify=false/],
    ['wrong credentials', () => ['--from', source.host, '--to', guarded.host, ...insecure, '--dest-creds', 'mover:wrong'], /401[^]*-> log in/],
    ['no credentials', () => ['--from', source.host, '--to', guarded.host, ...insecure], /401[^]*-> log in/],
    ['a web page', () => ['--from', source.host, '--to', html.host, ...insecure], /-> check the host, the port/],
  ])('%s', async (_, args, says) => {
    const { code, stdout } = await longshore(['migrate', '-', ...args()], { stdin: `${name}\n` })
    expect(stdout).toMatch(says)
    expect(stdout).toContain('0 copied, 0 already there, 1 failed')
    expect(code).toBe(1)
  })

  test.each<[what: string, args: () => readonly string[], says: RegExp]>([
    ['nobody listens', () => ['--to', nowhere], /could not be checked:[^]*nothing listens/],
    ['refuses', () => ['--to', guarded.host], /could not be checked:[^]*401[^]*-> log in/],
  ])('verify against a destination that %s is a difference, not wrong usage', async (_, args, says) => {
    const { code, stdout, stderr } = await longshore(['verify', '-', '--from', source.host, ...args(), ...insecure], { stdin: `${name}\n` })
    expect(stdout).toMatch(says)
    expect(stdout).toMatch(/^images +0 of 1 are/m)
    expect(stderr).toBe('')
    expect(code).toBe(1)
  })

  test('the right credentials and the ignored certificate pass', async () => {
    expect((await longshore(['migrate', '-', '--from', source.host, '--to', guarded.host, ...insecure, '--dest-creds', 'mover:right'], { stdin: `${name}\n` })).code).toBe(0)
    expect((await longshore(['migrate', '-', '--from', source.host, '--to', tls.host, ...insecure], { stdin: `${name}\n` })).code).toBe(0)
  })

  test("the system's certificate authorities are trusted", async () => {
    const args = ['migrate', '-', '--from', source.host, '--to', `${tls.host}/system`, '--src-tls-verify=false']
    expect((await longshore(args, { stdin: `${name}\n`, env: { SSL_CERT_FILE: file('ca.pem') } })).code).toBe(0)
  })

  test('many images that fail for one reason are told together', async () => {
    const list = Array.from({ length: 50 }, (_, i) => `team/app:${i}`).join('\n')
    const { stdout, stderr, code } = await longshore(['migrate', '-', '--from', source.host, '--to', nowhere, ...insecure], { stdin: list })
    expect(stdout.match(/nothing listens/g)).toHaveLength(1)
    expect(stdout).toMatch(/^ {2}50 images: [^]*^ {4}and 47 more$/m)
    expect(stderr.trim().split('\n')).toHaveLength(50)
    expect(code).toBe(1)
  })
})
