// Signatures that the real cosign made, moved, and verified on the other side by cosign and by us.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { image, seed, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { findCosign } from '../infra/tools.ts'
import { longshore } from './cli-process.ts'
import { Cosign } from './cosign.ts'

const program = await findCosign()
if (program === undefined) console.warn('cosign is not on the PATH and cannot be fetched: its tests are passed over')

const rounds = [['tag', true], ['tag', false], ['bundle', true], ['bundle', false]] as const

test.skipIf(program === undefined).each(rounds)('signed as a %s, moved (referrers API at both ends: %s), and verified', async (form, hasApi) => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-cosign-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rm(folder, { recursive: true, force: true }))
  const start = () => (hasApi ? startEmbeddedRegistry() : startDockerRegistry())
  await using source = await start()
  await using destination = await start()
  const [signed, unsigned] = ['signed', 'unsigned'].map((tag) => ({ repository: 'team/app', tag, content: image({ seed: tag, layers: [2_000] }) }))
  await seed(source.url, [signed!, unsigned!])
  const cosign = new Cosign(program!, folder)
  await cosign.generateKeys()
  await cosign.sign(`${source.host}/team/app@${signed!.content.root.digest}`, form)

  const list = { stdin: 'team/app:signed\nteam/app:unsigned\n' }
  const flags = ['-', '--from', source.host, '--to', `${destination.host}/mirror`, '--src-tls-verify=false', '--dest-tls-verify=false']
  const moved = await longshore(['migrate', ...flags], list)
  expect(moved.code, moved.stdout + moved.stderr).toBe(0)

  expect(await cosign.verify(`${destination.host}/mirror/team/app:signed`, form)).toContain('The signatures were verified against the specified public key')
  await expect(cosign.verify(`${destination.host}/mirror/team/app:unsigned`, form)).rejects.toThrow(/no (?:matching )?signatures/i)
  const { code, stdout } = await longshore(['verify', ...flags, '--signed-by', cosign.publicKey, '--json'], list)
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false, findings: [], signatures: { checked: 2, verified: 1, unsigned: [{ destination: `${destination.host}/mirror/team/app:unsigned`, why: 'it has no signature of cosign\'s' }] },
  })
  const alone = await longshore(['verify', ...flags, '--extra', 'ignore', '--signed-by', cosign.publicKey], { stdin: 'team/app:signed\n' })
  expect(alone.stdout).toMatch(/^signatures +1 of 1 image is signed by one of the keys$/m)
  expect(alone.code).toBe(0)
}, 120_000)

test('a key that is none is told before anything is asked', async () => {
  await using source = await startEmbeddedRegistry()
  const { code, stderr } = await longshore(['verify', '-', '--from', source.host, '--to', `${source.host}/copy`, '--signed-by', '/nonexistent/key.pub'], { stdin: 'app:1\n' })
  expect([code, stderr]).toEqual([2, expect.stringContaining('open /nonexistent/key.pub: no such file or directory: name a file that holds a public key')])
  expect(source.requests).toEqual([])
})
