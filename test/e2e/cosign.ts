// The real cosign, wherever it was found (test/infra/tools.ts).
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

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
