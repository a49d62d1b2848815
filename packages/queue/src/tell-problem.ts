import { isInterrupted } from '@longshore/redis'

/** What BullMQ complains of, where it is worth a line. Outages are told by the connection. After one, or after a process was suspended, locks have gone: others have the jobs, or will. */
export function tellProblem(queue: string, error: Error, onProblem: (message: string, error?: unknown) => void): void {
  if (isInterrupted(error) || 'syscall' in error || /^All sentinels are unreachable|Missing (?:lock|key)|could not renew lock|is not in the active state|Lock mismatch/i.test(error.message)) return
  onProblem(`the queue ${queue} is in trouble`, error)
}
