// GnuPG, as a command without a shell. What it found comes as status lines on a descriptor of their own (gnupg's doc/DETAILS), never
// from its messages; a passphrase goes in by a descriptor too.
import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { SigningError } from './errors.ts'

export interface GpgOptions {
  readonly args: readonly string[]
  readonly input?: Uint8Array
  /** `undefined`: the user's own. */
  readonly home?: string | undefined
  readonly passphrase?: string | undefined
  readonly signal: AbortSignal
}

export interface GpgResult {
  readonly code: number | null
  readonly stdout: Buffer
  /** `KEYWORD arg arg…`, without the prefix. */
  readonly status: readonly (readonly [keyword: string, ...args: string[]])[]
  /** For people. */
  readonly messages: string
}

/** Signatures and keyrings are small; more is no signature. */
const maxOutput = 16 * 1024 * 1024

/** @throws SigningError SIGNING_FAILED when there is no gpg, or it answers without end */
export async function runGpg({ args, input, home, passphrase, signal }: GpgOptions): Promise<GpgResult> {
  signal.throwIfAborted()
  const all = [
    '--batch', '--no-tty', '--no-greeting', '--charset', 'utf8', '--status-fd', '3',
    ...(home === undefined ? [] : ['--homedir', home]),
    ...(passphrase === undefined ? [] : ['--pinentry-mode', 'loopback', '--passphrase-fd', '4']),
    ...args,
  ]
  const child = spawn('gpg', all, { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'], signal })
  const [stdin, stdout, stderr, statusPipe, secret] = child.stdio as unknown as [Writable, Readable, Readable, Readable, Writable]
  // gpg may end before it has read everything; its exit code tells what that means.
  for (const pipe of [stdin, secret]) pipe.on('error', () => undefined)
  secret.end(passphrase === undefined ? '' : `${passphrase}\n`)
  stdin.end(input ?? '')
  const ended = Promise.withResolvers<number | null>()
  child.on('error', ended.reject)
  child.on('close', ended.resolve)
  try {
    const [out, messages, status, code] = await Promise.all([collect(stdout), collect(stderr), collect(statusPipe), ended.promise])
    return { code, stdout: out, messages: messages.toString().trim(), status: parseStatus(status.toString()) }
  } catch (error) {
    child.kill()
    signal.throwIfAborted()
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new SigningError('SIGNING_FAILED', 'gpg is not on the PATH: install gnupg, with which signatures are made and verified', error)
    }
    throw error
  }
}

async function collect(from: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of from as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size > maxOutput) throw new SigningError('SIGNATURE_INVALID', `gpg answered with more than ${maxOutput} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parseStatus(text: string): GpgResult['status'] {
  return text.split('\n').filter((line) => line.startsWith('[GNUPG:] ')).map((line) => line.slice(9).trimEnd().split(' ') as [string, ...string[]])
}
