import { isKubernetes } from './kubernetes-format.ts'
import type { Problem } from './spec-error.ts'

/** A spec as it was read: the caller knows files and stdin, this package knows text. */
export interface SpecInput { readonly name: string; readonly content: string | Uint8Array }

/** A hundred thousand of the longest references fit; a disk image that was named by mistake does not. */
export const maxSpecBytes = 64 * 1024 * 1024

/** What a large cluster runs, as `kubectl get pods -A -o json` prints it, is 30 kB a pod. */
const maxKubernetesBytes = 256 * 1024 * 1024

/** A list of Kubernetes objects says early what it is. @param content the beginning is enough */
export function maxBytesOf(content: string | Uint8Array): number {
  const head = content.slice(0, headBytes)
  return isKubernetes(typeof head === 'string' ? head : Buffer.from(head).toString('latin1')) ? maxKubernetesBytes : maxSpecBytes
}

const headBytes = 64 * 1024

/** The text of a spec without its byte order mark, or what is wrong with its bytes. */
export function decodeText(input: SpecInput): string | Problem {
  const { name: file, content } = input
  if (content.length > maxSpecBytes) {
    const most = maxBytesOf(content)
    if (content.length > most) return { file, message: `is larger than ${most / 1024 / 1024} MiB, so it is hardly a list; split it if it is` }
  }
  if (typeof content === 'string') return checkText(file, content.startsWith('\ufeff') ? content.slice(1) : content)
  if ((content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff)) {
    return { file, message: 'is in UTF-16; save it as UTF-8' }
  }
  try {
    return checkText(file, new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch {
    return content.includes(0) ? binary(file, content.indexOf(0)) : { file, line: invalidLine(content), message: 'is not valid UTF-8; save the file as UTF-8' }
  }
}

function checkText(file: string, text: string): string | Problem {
  const nul = text.indexOf('\0')
  if (nul >= 0) return binary(file, Buffer.byteLength(text.slice(0, nul)))
  return text
}

function binary(file: string, offset: number): Problem {
  return { file, message: `is a binary file (NUL byte at offset ${offset}); give a text file: an images list, a YAML spec or a file of another tool` }
}

/** A line feed is never part of a longer UTF-8 sequence, so lines can be tried one by one. */
function invalidLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (let line = 1, start = 0; start <= bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start)
    try { decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end)) } catch { return line }
    if (end < 0) return line
    start = end + 1
  }
  return 1
}
