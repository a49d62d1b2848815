// The day of the switch, as a person types it: real processes, real registries, kill -9.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cutoverReportSchema } from '@longshore/cutover/schema'
import { type CorpusEntry, type DockerRegistry, image, layer, PlainClient, seed, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import { describe, expect, test } from 'vitest'
import { launch, longshore } from './cli-process.ts'
import { gateAt, insecure, placeWith, startSwitch, until } from './cutover.fixture.ts'

const shared = layer({ seed: 'base', size: 20_000 })
const entry = (repository: string, tag: string, seedOf = `${repository}:${tag}`): CorpusEntry => ({ repository, tag, content: image({ seed: seedOf, layers: [shared, 3000] }) })
const corpus = ['team/web', 'team/api', 'base/os'].flatMap((repository) => ['1', '2', '3', '4'].map((tag) => entry(repository, tag)))

const rules = (from: string, to: string, cutover: string): string => `version: 1
from: ${from}
to: ${to}
images:
  - repositories: {}
cutover:
${cutover}`

async function digestsAt(client: PlainClient, repository: string): Promise<Readonly<Record<string, string>>> {
  const listed = JSON.parse((await client.send('GET', `/v2/${repository}/tags/list`)).body.toString()) as { readonly tags: readonly string[] | null }
  const accept = { accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json' }
  return Object.fromEntries(await Promise.all([...listed.tags ?? []].toSorted().map(async (tag) => [tag, String((await client.send('HEAD', `/v2/${repository}/manifests/${tag}`, { headers: accept })).headers['docker-content-digest'])])))
}

describe('a whole cutover between real registries', () => {
  test('with somebody who pushes all the while: nothing that was pushed before the freeze is lost', async () => {
    const data = await mkdtemp(join(tmpdir(), 'longshore-source-'))
    const password = 'correct-horse-battery'
    const settings = { rootDirectory: data, auth: { kind: 'htpasswd', users: { reader: password } } } as const
    const authorization = `Basic ${Buffer.from(`reader:${password}`).toString('base64')}`
    let source: DockerRegistry = await startDockerRegistry(settings)
    await using destination = await startDockerRegistry()
    await using control = await startSwitch()
    const port = Number(new URL(source.url).port)
    control.onCall = async (event) => {
      if (event !== 'freeze') return
      await source.stop()
      source = await startDockerRegistry({ ...settings, readOnly: true, port })
    }
    // A command, and nothing but its own address and the facts to go by.
    const script = 'fetch(process.argv[1], { method: "POST", body: JSON.stringify({ event: process.env.LONGSHORE_EVENT, cutover: process.env.LONGSHORE_CUTOVER }) }).then((r) => { process.exitCode = r.ok ? 0 : 1 })'
    await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 300ms }
  freeze: { deadline: 1m, hook: { command: [${JSON.stringify(process.execPath)}, -e, ${JSON.stringify(script)}, ${JSON.stringify(control.url)}], timeout: 30s } }
  verify: { deep: 100% }
`))
    try {
      await seed(source.url, corpus, { authorization })
      const pushed: string[] = []
      const done = new AbortController()
      const writing = (async () => {
        for (let i = 0; !done.signal.aborted; i++) {
          // New tags, and an old one that moves.
          const push = i % 3 === 2 ? entry('team/web', '1', `moved ${i}`) : entry('team/api', `new-${i}`)
          const isTaken = await seed(source.url, [push], { authorization }).then(() => true, () => false)
          if (isTaken) pushed.push(`${push.repository}:${push.tag}`)
          await new Promise((resolve) => { setTimeout(resolve, 60) })
        }
      })()
      const args = ['cutover', place.spec, ...insecure, '--src-creds', `reader:${password}`, '--report', join(place.folder, 'r.json'), '--report-md', join(place.folder, 'r.md'), '--name', 'the big day']
      const running = launch(args)
      await running.saw(/pass 3 \(delta\): .* [1-9]\d* copied/)
      await until('twenty pushes', () => pushed.length >= 20)
      const status = JSON.parse((await longshore(['cutover', 'status', place.spec, '--json'])).stdout) as Record<string, unknown>
      expect(status).toMatchObject({ phase: 'delta', options: { name: 'the big day' }, holder: expect.stringContaining(String(running.pid)), waitingChanges: 0 })
      expect((await longshore(['cutover', place.spec, ...insecure])).stderr).toMatch(/cutover \S+ is under way already, in process \d+/)

      const frozen = await longshore(['cutover', 'freeze', place.spec])
      expect(frozen).toMatchObject({ code: 0, stdout: expect.stringMatching(/the freeze is asked for; process \d+ on \S+ takes it up within a second/) })
      const { code, stdout, stderr } = await running.finished
      done.abort()
      await writing
      expect(stdout).toContain('answer     GO')
      expect(code).toBe(0)
      expect(control.calls).toEqual([{ event: 'freeze', cutover: expect.stringMatching(/^\d{8}-\d{6}-/) }])

      using from = new PlainClient(source.url, { authorization })
      using to = new PlainClient(destination.url)
      expect(await seed(source.url, [entry('team/api', 'late')], { authorization }).then(() => 'taken', () => 'refused')).toBe('refused')
      for (const repository of ['team/web', 'team/api', 'base/os']) expect(await digestsAt(to, repository)).toEqual(await digestsAt(from, repository))
      expect(Object.keys(await digestsAt(to, 'team/api')).length).toBeGreaterThan(10)

      const report = cutoverReportSchema.parse(JSON.parse(await readFile(join(place.folder, 'r.json'), 'utf8')))
      expect(report).toMatchObject({ verdict: 'go', phase: 'go', name: 'the big day', freeze: { by: 'person' }, failures: [] })
      expect(report.verification).toMatchObject({ missing: 0, differing: 0, corrupt: 0, deepPercent: 100 })
      expect(report.moved.copied).toBeGreaterThan(corpus.length)
      expect(await readFile(join(place.folder, 'r.md'), 'utf8')).toMatch(/^# Cutover to \S+: GO\n/)
      expect(`${await place.everything()}${stdout}${stderr}${await readFile(join(place.folder, 'r.md'), 'utf8')}`).not.toContain(password)
      expect((await longshore(['cutover', 'report', place.spec])).stdout).toMatch(/: GO\n/)

      // What has ended is not begun again by the same command: it would put older content over what is pushed by now.
      const again = await longshore(args)
      expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('has ended; nothing is moved') })
      expect(await longshore(['cutover', 'freeze', place.spec])).toMatchObject({ code: 2, stderr: expect.stringMatching(/freeze of cutover \S+, which is at go: it has ended/) })
    } finally {
      await source[Symbol.asyncDispose]()
      await rm(data, { recursive: true, force: true })
    }
  }, 120_000)
})

describe('killed', () => {
  test('in each phase, it goes on with the same command, and ends with go', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await using control = await startSwitch()
    await seed(source.url, corpus)
    const reads = gateAt(source, ['blob-get'])
    const lists = gateAt(source, ['tags', 'manifest-head'])
    const hashes = gateAt(destination, ['blob-get'])
    await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 100ms }
  freeze: { deadline: 2m, hook: { http: { url: ${control.url} } } }
  verify: { deep: 100% }
`))
    const start = () => launch(['cutover', place.spec, ...insecure])
    const phase = async (): Promise<string> => (JSON.parse((await longshore(['cutover', 'status', place.spec, '--json'])).stdout) as { phase: string }).phase
    const kill = async (running: ReturnType<typeof start>, expected: string): Promise<void> => {
      running.kill('SIGKILL')
      await running.finished
      expect(await phase()).toBe(expected)
    }

    reads.close()
    const inBulk = start()
    await reads.held
    await kill(inBulk, 'bulk')
    reads.open()

    const inDelta = start()
    await inDelta.saw(/pass 1 \(bulk\), gone on with/)
    await inDelta.saw(/phase deltas/)
    lists.close()
    await lists.held
    await kill(inDelta, 'delta')
    lists.open()

    // Asked for while nobody runs it: it is the first thing that the next process does.
    expect((await longshore(['cutover', 'freeze', place.spec])).stdout).toContain('nobody runs this cutover')
    const hung = Promise.withResolvers<void>()
    const called = Promise.withResolvers<void>()
    control.onCall = () => { called.resolve(); return hung.promise }
    const inFreezing = start()
    await called.promise
    await kill(inFreezing, 'freezing')
    hung.resolve()

    source.setTag('team/web', 'last', source.tag('team/web', '4')!)
    await seed(source.url, [entry('team/web', 'just-before')])
    control.onCall = async () => { reads.close() }
    const inFinal = start()
    await reads.held
    await kill(inFinal, 'final')
    reads.open()
    expect(destination.tag('team/web', 'just-before')).toBeUndefined()

    hashes.close()
    const inVerifying = start()
    await hashes.held
    await kill(inVerifying, 'verifying')
    hashes.open()

    const { code, stdout, stderr } = await start().finished
    expect(stderr).toContain('at verifying since')
    expect(stdout).toContain('answer     GO')
    expect(code).toBe(0)
    for (const repository of source.repositories()) expect(destination.tags(repository)).toEqual(source.tags(repository))
    expect(control.calls.map(({ event }) => event)).toEqual(['freeze', 'freeze'])
  }, 120_000)

  test('by Ctrl-C it stops cleanly; while it waits, at once', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await seed(source.url, corpus)
    await using place = await placeWith(rules(source.host, destination.host, '  delta: { every: 1h }\n'))
    const running = launch(['cutover', place.spec, ...insecure])
    await running.saw(/waiting until/)
    running.kill('SIGINT')
    const { code, stderr } = await running.finished
    expect(code).toBe(130)
    expect(stderr).toContain('stopped at delta; the same command goes on from here')

    await writeFile(place.spec, rules(source.host, destination.host, '  delta: { every: 100ms }\n'))
    const next = await longshore(['cutover', place.spec, ...insecure, '--json', '--until-delta', '2'])
    expect(next).toMatchObject({ code: 0 })
    const events = next.stdout.trim().split('\n').map((line) => JSON.parse(line) as { readonly type: string; readonly pass?: { readonly kind: string; readonly present: number } })
    expect(events.filter(({ type }) => type === 'pass').map(({ pass }) => [pass?.kind, pass?.present])).toEqual([['delta', 12], ['delta', 12]])
    expect(events.at(-1)).toMatchObject({ type: 'summary', phase: 'delta' })
  }, 60_000)
})

describe('no-go', () => {
  test('with a broken image, for the right reason; mended, the same command makes it a go', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await using control = await startSwitch()
    await seed(source.url, corpus)
    const broken = corpus[5]!
    const [blob] = [...broken.content.blobs.keys()].filter((digest) => digest !== shared.digest)
    source.corruptBlob(blob!)
    await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 200ms }
  freeze: { hook: { http: { url: ${control.url} } }, thaw: { http: { url: ${control.url} } } }
`))
    expect(await longshore(['cutover', place.spec, ...insecure, '--until-delta', '1'])).toMatchObject({ code: 1, stdout: expect.stringContaining('in the deltas, and not everything is there') })
    await longshore(['cutover', 'freeze', place.spec])
    const { code, stdout } = await longshore(['cutover', place.spec, ...insecure, '--report-md', join(place.folder, 'r.md')])
    expect(code).toBe(1)
    expect(stdout).toContain('answer     NO-GO')
    expect(stdout).toContain('NOT  missing: 1 of 12 images are missing (allowed: 0)')
    expect(stdout).toContain('NOT  failures: 1 failed or could not be listed in the last pass, 0 could not be checked (allowed: 0)')
    expect(stdout).toContain('ok   deadline')
    expect(stdout).toContain('the source is still frozen')
    const page = await readFile(join(place.folder, 'r.md'), 'utf8')
    expect(page).toMatch(/^# Cutover to \S+: NO-GO\n/)
    expect(page).toMatch(new RegExp(`\`${source.host}/${broken.repository}:${broken.tag}\` → .*DIGEST\\\\_MISMATCH`))
    expect(await place.everything()).toContain(`${source.host}/${broken.repository}:${broken.tag} ${destination.host}/${broken.repository}:${broken.tag} # DIGEST_MISMATCH`)
    expect(control.calls.map(({ event }) => event)).toEqual(['freeze'])

    source.corruptBlob(blob!)
    const mended = await longshore(['cutover', place.spec, ...insecure])
    expect(mended.stderr).toContain('it was a no-go: the last pass, the verification and the decision are tried again')
    expect(mended).toMatchObject({ code: 0, stdout: expect.stringContaining('answer     GO') })
    expect(control.calls.map(({ event }) => event)).toEqual(['freeze'])
  }, 60_000)

  test('left by unfreeze: the source is thawed where nobody runs it, deltas go on, and criteria that were changed count', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await using control = await startSwitch()
    await seed(source.url, corpus)
    const [blob] = [...corpus[5]!.content.blobs.keys()].filter((digest) => digest !== shared.digest)
    source.corruptBlob(blob!)
    const hooks = `  freeze: { when: caught-up, hook: { http: { url: ${control.url} } }, thaw: { http: { url: ${control.url} } } }\n`
    await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 100ms }\n${hooks}`))
    const first = launch(['cutover', place.spec, ...insecure])
    // Never caught up: one image fails each time. So a person freezes.
    await first.saw(/pass 3 \(delta\).*1 failed/)
    await longshore(['cutover', 'freeze', place.spec])
    expect((await first.finished).code).toBe(1)

    const thawed = await longshore(['cutover', 'unfreeze', place.spec])
    expect(thawed).toMatchObject({ code: 0, stdout: expect.stringContaining('is not frozen: deltas go on when the longshore cutover command runs') })
    expect(control.calls.map(({ event }) => event)).toEqual(['freeze', 'thaw'])

    await writeFile(place.spec, rules(source.host, destination.host, `  delta: { every: 100ms }\n${hooks}  criteria: { missing: 1, failures: 1 }\n`))
    const second = launch(['cutover', place.spec, ...insecure])
    await second.saw(/pass \d+ \(delta\).*1 failed/)
    await longshore(['cutover', 'freeze', place.spec])
    expect(await second.finished).toMatchObject({ code: 0, stdout: expect.stringContaining('missing: 1 of 12 images are missing (allowed: 1)') })
    expect(control.calls.map(({ event }) => event)).toEqual(['freeze', 'thaw', 'freeze'])
  }, 60_000)

  test('for a deadline that passed: the last pass is cut off, and what is missing is told', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await using control = await startSwitch()
    await seed(source.url, corpus)
    const reads = gateAt(source, ['blob-get'])
    control.onCall = async () => {
      await seed(source.url, [entry('team/web', 'at-the-last-moment')])
      reads.close()
    }
    await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 1h }\n  freeze: { deadline: 1s, hook: { http: { url: ${control.url} } } }\n`))
    const running = launch(['cutover', place.spec, ...insecure])
    await running.saw(/waiting until/)
    await longshore(['cutover', 'freeze', place.spec])
    await running.saw(/was cut off: the deadline has passed/)
    reads.open()
    const { code, stdout } = await running.finished
    expect(code).toBe(1)
    expect(stdout).toContain('NOT  deadline: the last pass was not through in time, and was cut off (allowed: 1s)')
    expect(stdout).toContain('NOT  missing: 1 of 13 images are missing (allowed: 0)')
  }, 60_000)

  test('aborted by a person from elsewhere, in bulk', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    await seed(source.url, corpus)
    const reads = gateAt(source, ['blob-get'])
    reads.close()
    await using place = await placeWith(rules(source.host, destination.host, '  delta: { every: 1h }\n'))
    const running = launch(['cutover', place.spec, ...insecure])
    await reads.held
    await longshore(['cutover', 'abort', place.spec])
    await running.saw(/was cut off: abort was asked for/)
    reads.open()
    expect(await running.finished).toMatchObject({ code: 1, stdout: expect.stringContaining('answer     aborted') })
  }, 60_000)
})

describe('before anything moves', () => {
  test.each<[string, readonly string[], string]>([
    ['no cutover there', ['cutover', 'status', '--state', '/nonexistent/state'], 'there is no cutover in /nonexistent/state'],
    ['nothing named', ['cutover', 'freeze'], 'which cutover? Give its SPEC, or the folder of its state with --state DIR'],
    ['a folder that cannot be made', ['cutover', '-', '--to', '127.0.0.1:9', '--state', '/dev/null/state'], '/dev/null/state: is no folder'],
    ['one below /proc', ['cutover', '-', '--to', '127.0.0.1:9', '--state', '/proc/x'], '/proc/x: cannot be written (ENOENT)'],
    ['a verb that is misspelt', ['cutover', 'freez', 'rules.yaml'], '"freez" is neither a file nor something to say to a cutover'],
    ['no images', ['cutover', '-', '--to', '127.0.0.1:9'], 'names no images'],
    ['two reports in one file', ['cutover', '-', '--to', '127.0.0.1:9', '--report', 'a', '--report-md', 'a'], '--report and --report-md name the same file'],
  ])('%s', async (what, args, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-cutover-'))
    const { code, stderr } = await longshore(args, { stdin: what === 'no images' ? '# nothing\n' : 'a:1\n', cwd: folder })
    expect(stderr).toContain(message)
    expect(code).toBe(2)
    await rm(folder, { recursive: true })
  })

  test('a key that is private, or is none, is refused, and is not shown', async () => {
    await using place = await placeWith(rules('127.0.0.1:9', '127.0.0.1:8', '  criteria: { signatures: { keys: [cosign.key] } }\n'))
    await writeFile(join(place.folder, 'cosign.key'), '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n')
    const refused = await longshore(['cutover', 'rules.yaml'], { cwd: place.folder })
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('the key cosign.key of cutover.criteria.signatures is a private key: give the public one') })
    expect(refused.stderr).not.toContain('c2VjcmV0')
  })
})

test('after a go, --prune deletes what the source no longer has, as the spec says', { timeout: 120_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  await using place = await placeWith(rules(source.host, destination.host, `  delta: { every: 200ms }
  prune: { apply: true, ceiling: 50%, backupTag: 'kept-{tag}' }
`))
  expect((await longshore(['cutover', place.spec, '--prune', '--until-delta', '1', ...insecure]))).toMatchObject({ code: 2, stderr: expect.stringContaining('--until-delta leaves before') })
  const running = launch(['cutover', place.spec, '--prune', ...insecure])
  await running.saw(/phase deltas/)
  const digest = source.tag('team/web', '4')
  using client = new PlainClient(source.url)
  expect((await client.send('DELETE', `/v2/team/web/manifests/${digest}`)).status).toBe(202)
  expect(destination.tag('team/web', '4')).toBe(digest)
  await longshore(['cutover', 'freeze', place.spec])
  const { code, stdout } = await running.finished
  expect(stdout).toMatch(/answer +GO\n/)
  expect(stdout).toContain(`${destination.host}/team/web:4`)
  expect(code).toBe(0)
  expect(destination.tag('team/web', '4')).toBeUndefined()
  expect(destination.tag('team/web', 'kept-4')).toBe(digest)
  expect(destination.tag('team/web', '3')).toBe(source.tag('team/web', '3'))
})
