// Keys of a temporary keyring, by the real gpg, and signatures of every kind that should be refused.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const never = new AbortController().signal

export interface TestKeys extends AsyncDisposable {
  readonly home: string
  /** Runs a command with this keyring. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>
  key(name: string, options?: { readonly passphrase?: string; readonly expires?: string }): Promise<string>
  /** Binary. */
  publicKey(fingerprint: string): Promise<Buffer>
  /** A message that gpg signs with further arguments. */
  sign(fingerprint: string, content: string | Uint8Array, ...args: readonly string[]): Promise<Buffer>
  path(name: string): string
  write(name: string, content: string | Uint8Array): Promise<string>
}

export async function makeTestKeys(): Promise<TestKeys> {
  const home = await mkdtemp(join(tmpdir(), 'longshore-keys-'))
  const runWith: TestKeys['run'] = async (command, args, env = {}) => await run(command, [...args], { env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, GNUPGHOME: home, LC_ALL: 'C', ...env } })
    .then(({ stdout, stderr }) => ({ stdout, stderr, code: 0 }), (error: { stdout: string; stderr: string; code: number }) => ({ stdout: error.stdout, stderr: error.stderr, code: error.code }))
  const gpg = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr, code } = await runWith('gpg', ['--batch', '--yes', ...args])
    if (code !== 0) throw new Error(`gpg ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const path = (name: string): string => join(home, name)
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(path(name), content)
    return path(name)
  }
  return {
    home, path, write, run: runWith,
    async key(name, { passphrase = '', expires = 'never' } = {}) {
      await gpg('--pinentry-mode', 'loopback', '--passphrase', passphrase, '--quick-generate-key', `${name} <${name}@example.com>`, 'ed25519', 'sign', expires)
      return /^fpr:+([0-9A-F]+):/m.exec(await gpg('--with-colons', '--list-keys', `${name}@example.com`))![1]!
    },
    async publicKey(fingerprint) {
      await gpg('--output', path('exported'), '--export', fingerprint)
      return await readFile(path('exported'))
    },
    async sign(fingerprint, content, ...args) {
      await write('content', content)
      await gpg('--local-user', fingerprint, '--output', path('signed'), ...(args.length === 0 ? ['--sign'] : args), path('content'))
      return await readFile(path('signed'))
    },
    async [Symbol.asyncDispose]() {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']).catch(() => undefined)
      await rm(home, { recursive: true, force: true })
    },
  }
}
