// The real cosign, where it is: on the PATH, or unpacked from Debian sid by `node test/e2e/cosign.ts`. Tests without it say so and pass over.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fetchFromSid } from '../bench/fetch-crane.ts'

const work = join(import.meta.dirname, '../bench/.work')
const run = promisify(execFile)

/** The path of the program; `undefined`, with a line on stderr, where there is none. */
export function findCosign(): string | undefined {
  const found = [...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'cosign')), join(work, 'cosign/usr/bin/cosign')].find((path) => {
    try { accessSync(path, constants.X_OK); return true } catch { return false }
  })
  if (found === undefined) console.warn('cosign is not on the PATH, so its tests are passed over: `node test/e2e/cosign.ts` unpacks Debian sid\'s into test/bench/.work')
  return found
}

/** Keys in `folder`, and cosign with them; the tests' registries have no TLS, and nothing is told to a public log. */
export class Cosign {
  readonly #program: string
  readonly #folder: string
  constructor(program: string, folder: string) {
    this.#program = program
    this.#folder = folder
  }

  get publicKey(): string { return join(this.#folder, 'cosign.pub') }

  /** @throws Error with what it said */
  async run(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(this.#program, args, { cwd: this.#folder, env: { PATH: process.env['PATH'] ?? '', HOME: this.#folder, COSIGN_PASSWORD: 'a passphrase' } })
    return `${stdout}${stderr}`
  }

  async generateKeys(): Promise<void> { await this.run('generate-key-pair') }

  /** `tag`: as cosign 1 and 2 keep signatures, which clusters still read; `bundle`: as cosign 3 does. */
  async sign(image: string, form: 'tag' | 'bundle'): Promise<void> {
    await this.run('sign', '--key', 'cosign.key', '--yes', '--allow-http-registry', '--use-signing-config=false', '--tlog-upload=false', `--new-bundle-format=${form === 'bundle'}`, image)
  }

  async verify(image: string, form: 'tag' | 'bundle'): Promise<string> {
    return await this.run('verify', '--key', 'cosign.pub', '--allow-http-registry', '--insecure-ignore-tlog=true', `--new-bundle-format=${form === 'bundle'}`, image)
  }
}

if (import.meta.main) {
  await mkdir(work, { recursive: true })
  console.log(fetchFromSid('cosign', work))
}
