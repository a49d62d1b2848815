import { spawn } from 'node:child_process'
import { identityCredentials } from './auth-file.ts'
import type { Credentials } from './credentials.ts'
import { CredentialHelperError, systemCode } from './errors.ts'

// github.com/docker/docker-credential-helpers v0.9: `docker-credential-X get`, the server on stdin, {Username, Secret} on stdout,
// or status 1 with the words below on stdout.
const notFound = /credentials not found/i
const maxAnswerBytes = 1 << 20

export interface HelperRequest {
  readonly suffix: string
  /** The registry under the name that the helper knows. */
  readonly server: string
  /** The file that named the helper, for messages. */
  readonly file: string
  /** The helper's whole environment, PATH included. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
}

/** @returns undefined when the helper has nothing for that server. @throws CredentialHelperError */
export async function askHelper(request: HelperRequest): Promise<Credentials | undefined> {
  const program = `docker-credential-${request.suffix}`
  const broken = (why: string, reason: 'missing' | 'failed' = 'failed'): CredentialHelperError =>
    new CredentialHelperError(program, reason, `the credential helper ${program}, which ${request.file} names for ${request.server}, ${why}`)
  if (!/^[\w.-]+$/.test(request.suffix)) throw broken('is not the name of a program: letters, digits, ".", "_" and "-" only')
  const { status, answer } = await run(program, 'get', request.server, request, broken)
  if (status !== 0) {
    if (notFound.test(answer)) return undefined
    throw broken(`ended with status ${status}; to see why: printf ${request.server} | ${program} get`)
  }
  let value: unknown
  try {
    value = JSON.parse(answer)
  } catch {
    throw broken('did not answer in JSON')
  }
  const { Username: username, Secret: secret } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof username !== 'string' || typeof secret !== 'string') throw broken('did not answer with a Username and a Secret')
  if (secret === '') return undefined
  return username === '<token>' ? identityCredentials(secret, username) : { kind: 'basic', username, password: secret }
}

/** Makes a helper keep or forget something. @returns false when there was nothing to forget. @throws CredentialHelperError */
export async function tellHelper(command: 'store' | 'erase', input: string, request: HelperRequest): Promise<boolean> {
  const program = `docker-credential-${request.suffix}`
  const broken = (why: string, reason: 'missing' | 'failed' = 'failed'): CredentialHelperError =>
    new CredentialHelperError(program, reason, `the credential helper ${program}, which ${request.file} names for ${request.server}, ${why}`)
  if (!/^[\w.-]+$/.test(request.suffix)) throw broken('is not the name of a program: letters, digits, ".", "_" and "-" only')
  const { status, answer } = await run(program, command, input, request, broken)
  if (status === 0) return true
  if (command === 'erase' && notFound.test(answer)) return false
  throw broken(`ended with status ${status} when told to ${command}`)
}

type Broken = (why: string, reason?: 'missing' | 'failed') => CredentialHelperError

async function run(program: string, command: 'get' | 'store' | 'erase', input: string, request: HelperRequest, broken: Broken): Promise<{ status: number | string; answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | string; answer: string }>()
  // stderr is dropped: helpers print debugging output there, secrets included.
  const child = spawn(program, [command], { env: { ...request.env }, stdio: ['pipe', 'pipe', 'ignore'] })
  const stop = (error: CredentialHelperError): void => {
    child.kill('SIGKILL')
    // A grandchild may hold the pipe open for ever.
    child.stdout.destroy()
    reject(error)
  }
  const timer = setTimeout(() => stop(broken(`did not answer within ${request.timeoutMs / 1000} s`)), request.timeoutMs)
  const chunks: Buffer[] = []
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxAnswerBytes) stop(broken('answered with more than 1 MiB'))
  })
  child.on('error', (error) => {
    const code = systemCode(error)
    reject(code === 'ENOENT'
      ? broken('is not on the PATH: install it, or take its line out of that file', 'missing')
      : broken(`could not be started (${code})`))
  })
  child.on('close', (code, signal) => resolve({ status: code ?? signal ?? 'unknown', answer: Buffer.concat(chunks).toString('utf8') }))
  // A helper may answer without reading what it is asked.
  child.stdin.on('error', () => {})
  child.stdin.end(`${input}\n`)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
