// What ends a command before it has asked anybody anything: the message of Debian's skopeo 1.9.3 for each of these arguments, and exit code 1.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createProgram } from '../program.ts'
import { goQuote } from './go-words.ts'
import { runSkopeo } from './run-skopeo.ts'

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'skopeo-messages.fixture.json'), 'utf8')) as ReadonlyArray<readonly [readonly string[], string]>
let told: string

beforeEach(() => {
  told = ''
  // No credentials of this machine.
  for (const name of ['HOME', 'XDG_RUNTIME_DIR', 'DOCKER_CONFIG']) vi.stubEnv(name, '/nonexistent')
  vi.stubEnv('REGISTRY_AUTH_FILE', '')
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => { told += String(text); return true })
})
afterEach(() => { vi.unstubAllEnvs(); vi.restoreAllMocks() })

const run = async (args: readonly string[]): Promise<number> => await runSkopeo(args, createProgram('test', () => {}), () => 0)
const messages = (): readonly string[] => [...told.matchAll(/ level=(\S+ msg=.*)$/gm)].map(([, line = '']) => line)

test.each(recorded)('%j: %s', async (args, message) => {
  expect(await run(args)).toBe(1)
  expect(messages()).toEqual([`fatal msg=${goQuote(message)}`])
})

test.each<readonly [readonly string[], string]>([
  [['copy', '--encrypt-layer', '0', '--encryption-key', 'jwe:a', 'dir:/nowhere', 'dir:/nowhere2'], '--encrypt-layer is not taken'],
  [['copy', '--decryption-key', 'a', 'dir:/nowhere', 'dir:/nowhere2'], '--decryption-key is not taken'],
  [['copy', '--sign-by-sigstore', 'a', 'dir:/nowhere', 'dir:/nowhere2'], '--sign-by-sigstore is not taken'],
  [['sync', '--sign-by-sq-fingerprint', 'a', '--src', 'dir', '--dest', 'docker', '/nowhere', 'a.example'], '--sign-by-sq-fingerprint is not taken'],
])('%j is refused by name', async (args, why) => {
  expect(await run(args)).toBe(1)
  expect(told).toContain(why)
})

const onCommand = 'warning msg="\'--tls-verify\' is deprecated, please set this on the specific subcommand"'
const onSides = 'warning msg="\'--tls-verify\' is deprecated, instead use: --src-tls-verify, --dest-tls-verify"'
test.each<readonly [readonly string[], string]>([
  [['--tls-verify=false', 'copy', 'plain', 'dir:/nowhere'], onCommand], [['copy', '--tls-verify=false', 'plain', 'dir:/nowhere'], onSides], [['--tls-verify', 'manifest-digest', '/nowhere'], onCommand],
  [['--tls-verify=false', 'sync', '--src', 'x', '--dest', 'dir', 'a', 'b'], onCommand], [['sync', '--tls-verify', '--src', 'x', '--dest', 'dir', 'a', 'b'], onSides], [['--tls-verify=0', 'inspect', 'plain'], onCommand],
])('%j warns as skopeo does', async (args, warning) => {
  expect(await run(args)).toBe(1)
  expect(messages()).toEqual([warning, expect.stringMatching(/^fatal /)])
})
