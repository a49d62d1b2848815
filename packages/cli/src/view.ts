// Who watches a run. One of these is fed every event, after the tally has counted it.
import { printable } from '@longshore/oci'
import { describeUntagged, type RunEvent, type Tally, toJsonEvent } from '@longshore/report'
import { lineOf } from './image-line.ts'
import { BatchedWriter } from './writer.ts'

export interface View {
  event(event: RunEvent): void
  /** Something that a person should know now. */
  say(line: string): void
  /** Everything is written; the terminal is as it was. May be called again. */
  close(): void
}

/** One line per image: for logs, pipes and terminals that cannot do more. */
export class LineView implements View {
  readonly #writer: BatchedWriter
  readonly #tally: Tally

  constructor(stream: NodeJS.WritableStream, tally: Tally) {
    this.#writer = new BatchedWriter(stream)
    this.#tally = tally
  }

  event(event: RunEvent): void {
    const line = lineOf(event, this.#tally)
    if (line !== undefined) this.#writer.line(line)
  }

  say(line: string): void {
    this.#writer.line(`longshore: ${printable(line)}`)
    this.#writer.flush()
  }

  close(): void { this.#writer.flush() }
}

/** Every event as a line of JSON on stdout; what is meant for people goes to stderr. */
export class JsonView implements View {
  readonly #writer: BatchedWriter
  readonly #messages: NodeJS.WritableStream

  constructor(stream: NodeJS.WritableStream, messages: NodeJS.WritableStream) {
    this.#writer = new BatchedWriter(stream)
    this.#messages = messages
  }

  event(event: RunEvent): void { this.#writer.line(JSON.stringify(toJsonEvent(event))) }
  say(line: string): void { this.#messages.write(`longshore: ${printable(line)}\n`) }
  close(): void { this.#writer.flush() }
}

/** Only what a person has to know. */
export class QuietView implements View {
  readonly #stream: NodeJS.WritableStream
  constructor(stream: NodeJS.WritableStream) { this.#stream = stream }
  event(event: RunEvent): void {
    if (event.type === 'warning') this.#stream.write(`warning: ${printable(event.message)}\n`)
    if (event.type === 'untagged') this.#stream.write(`warning: ${describeUntagged(event)}\n`)
  }
  say(line: string): void { this.#stream.write(`longshore: ${printable(line)}\n`) }
  close(): void { /* nothing is held back */ }
}
