// Questions to a person: on stdout, as skopeo asks them; a password is not shown while it is typed.
import { createInterface } from 'node:readline/promises'
import { InterruptedError } from '../interrupt.ts'
import { SkopeoError } from './skopeo-error.ts'

/** @throws SkopeoError at the end of the input */
export async function askUser(question: string): Promise<string> {
  process.stdout.write(question)
  for await (const line of createInterface({ input: process.stdin, terminal: false })) return line.trim()
  throw new SkopeoError('getting username and password: reading username: EOF')
}

/** @throws SkopeoError where there is no terminal */
export async function askPassword(signal: AbortSignal): Promise<string> {
  process.stdout.write('Password: ')
  const { stdin } = process
  if (!stdin.isTTY) throw new SkopeoError('getting username and password: reading password: inappropriate ioctl for device')
  stdin.setRawMode(true)
  const onAbort = (): void => { stdin.destroy() }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    let typed = ''
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n') return typed
        if (char === '\u0003') throw new InterruptedError()
        if (char === '\u0004' && typed === '') throw new SkopeoError('getting username and password: reading password: EOF')
        if (char === '\u007f' || char === '\b') typed = Array.from(typed).slice(0, -1).join('')
        else if (char === '\u0015') typed = ''
        else typed += char
      }
    }
    signal.throwIfAborted()
    return typed
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!stdin.destroyed) stdin.setRawMode(false)
    stdin.pause()
    process.stdout.write('\n')
  }
}

/** All of stdin, without the ends of its lines. */
export async function readPassword(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8').replace(/\r?\n/g, '')
}
