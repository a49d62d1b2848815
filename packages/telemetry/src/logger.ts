// JSON lines. The message is constant lower-case text; what differs stands in fields: migration, node, job, registry, digest …
import { toRecord } from '@longshore/oci'
import { destination as openDestination, type DestinationStream, pino, stdTimeFunctions } from 'pino'
import { createScrubber, hidden, secretNames } from './scrub.ts'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Facts. An error stands under `err`, once, where it is decided what becomes of it: name, code, message and causes, no stack. */
export interface LogFields { readonly [name: string]: unknown; readonly err?: unknown }

export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** With these fields in every line. */
  child(fields: LogFields): Logger
}

/** Lines are gathered: a worker writes one for each image, and a write for each is a tenth of its CPU. */
const gathered = { bytes: 4_096, ms: 50 }

export interface LoggerOptions {
  readonly level: LogLevel
  /** Default: stdout, where a container's log is read. */
  readonly destination?: DestinationStream
  /** Hidden in whatever field they turn up. */
  readonly secrets?: readonly string[]
}

export function createLogger({ level, destination, secrets = [] }: LoggerOptions): Logger {
  const scrub = createScrubber(secrets)
  return pino({
    level,
    // Of what process and host a line is, the container's log knows.
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // pino's `redact` looks for every name in every line, at more than the rest of a line costs: what stands by such a name further down is the scrubber's.
    serializers: { err: (error: unknown) => (error instanceof Error ? toRecord(error) : error), ...Object.fromEntries(secretNames.map((name) => [name, () => hidden])) },
    hooks: { streamWrite: scrub },
  }, destination ?? openStdout())
}

function openStdout(): DestinationStream {
  // Not `sync: false`: what such a write has under way comes after what is written when the process ends, or not at all.
  const stdout = openDestination({ dest: 1, sync: true, minLength: gathered.bytes, periodicFlush: gathered.ms })
  // `flush` writes all that is left, as that is less than a write's worth. `flushSync` would try for ever what cannot be written: to a disk that is full, to a reader that is gone.
  process.on('exit', () => { try { stdout.flush() } catch { /* there is nowhere left to tell it */ } })
  return stdout
}
