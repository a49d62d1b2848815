// `--retry-times`: the whole operation once more, where a later attempt may go better (FIELD.md §1.4, §1.14).
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionError, RegistryError } from '@longshore/oci'
import type { RetryFlags } from '../skopeo-flags.ts'
import type { SkopeoContext } from './command.ts'
import { goWords } from './go-words.ts'

const hopeless = new Set(['UNAUTHORIZED', 'DENIED', 'NAME_UNKNOWN', 'MANIFEST_UNKNOWN'])

/** Whether a later attempt may go better, by the innermost failure that a registry or a socket told. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof RegistryError) return [502, 503, 504].includes(error.status) || (error.details.length > 0 && !hopeless.has(error.code))
  if (error instanceof ConnectionError) return error.code !== 'TLS_FAILED' && error.code !== 'NOT_A_REGISTRY'
  return error instanceof Error && error.cause !== undefined && isRetryable(error.cause)
}

export async function withRetries<T>(attempt: () => Promise<T>, { retryTimes = 0, retryDelay = 0 }: RetryFlags, { signal, warn }: SkopeoContext): Promise<T> {
  for (let tried = 0; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (tried >= retryTimes || signal.aborted || !isRetryable(error)) throw error
      // Without a delay 1 s, 2 s, 4 s, …, give or take a tenth, so that many who failed at once do not come back at once.
      const ms = retryDelay > 0 ? retryDelay : 2 ** tried * 1000 * (0.9 + Math.random() * 0.2)
      warn(`Failed, retrying in ${Math.round(ms / 10) / 100}s ... (${tried + 1}/${retryTimes}). Error: ${goWords(error)}`)
      await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}
