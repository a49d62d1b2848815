import { open } from 'node:fs/promises'
import { generateSigstoreKey, readPassphrase } from '@longshore/signing'
import { ExitCode } from '../exit-code.ts'
import { askPassword } from '../skopeo/prompt.ts'
import { SkopeoError } from '../skopeo/skopeo-error.ts'

/** @throws SkopeoError, SigningError */
export async function generateSigstoreKeyCommand({ outputPrefix, passphraseFile }: { readonly outputPrefix: string; readonly passphraseFile?: string }): Promise<ExitCode> {
  const paths = { private: `${outputPrefix}.private`, public: `${outputPrefix}.pub` }
  const passphrase = passphraseFile === undefined ? await askTwice() : await readPassphrase(passphraseFile)
  const { privateKey, publicKey } = generateSigstoreKey(passphrase)
  await writeNew(paths.private, privateKey, 0o600)
  await writeNew(paths.public, publicKey, 0o644)
  process.stdout.write(`Key written to ${JSON.stringify(paths.private)} and ${JSON.stringify(paths.public)}\n`)
  return ExitCode.ok
}

async function askTwice(): Promise<string> {
  const { signal } = new AbortController()
  const first = await askPassword(signal)
  if (first !== await askPassword(signal)) throw new SkopeoError('passphrases entered do not match')
  return first
}

/** Never over a file that is there. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await using file = await open(path, 'wx', mode)
    await file.writeFile(text)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw new SkopeoError(`Refusing to overwrite existing ${JSON.stringify(path)}`)
    throw new SkopeoError(`${path} cannot be written: ${error instanceof Error && 'code' in error ? String(error.code) : String(error)}`, 'SKOPEO_FAILED', { cause: error })
  }
}
