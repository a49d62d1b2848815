// Bars on a terminal: redrawn ten times a second in place, whatever happens in between, and only as tall as the terminal.
import { styleText } from 'node:util'
import cliTruncate from 'cli-truncate'
import { createLogUpdate } from 'log-update'
import stringWidth from 'string-width'
import { printable } from '@longshore/oci'
import type { RunEvent, Tally } from '@longshore/report'
import type { InFlight } from '@longshore/transfer'
import { formatBar, formatBytes, formatDuration, formatNumber } from './format.ts'
import { lineOf } from './image-line.ts'
import { Rate } from './rate.ts'
import type { View } from './view.ts'

export interface Terminal extends NodeJS.WritableStream { readonly columns: number; readonly rows: number }

const redrawMs = 100

export class LiveView implements View {
  readonly #terminal: Terminal
  readonly #tally: Tally
  readonly #inFlight: ReadonlySet<InFlight>
  readonly #log
  readonly #timer: NodeJS.Timeout
  readonly #rate = new Rate(performance.now())
  readonly #onResize = (): void => this.#resize()
  #lines: readonly string[] = []
  #columns: number
  #closed = false
  #waiting: string[] = []

  constructor(terminal: Terminal, tally: Tally, inFlight: ReadonlySet<InFlight>) {
    this.#terminal = terminal
    this.#tally = tally
    this.#inFlight = inFlight
    this.#columns = terminal.columns
    this.#log = createLogUpdate(terminal)
    this.#timer = setInterval(() => this.#draw(), redrawMs)
    this.#timer.unref()
    terminal.on('resize', this.#onResize)
    this.#draw()
  }

  event(event: RunEvent): void {
    // What went well is in the bars; what did not stays on the screen.
    if (event.type === 'done') return
    const line = lineOf(event, this.#tally)
    if (line !== undefined) this.#waiting.push(line)
  }

  say(line: string): void {
    this.#waiting.push(printable(line))
    if (this.#closed) this.#persist()
    else this.#draw()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#terminal.off('resize', this.#onResize)
    this.#persist()
    this.#log.clear()
    this.#log.done()
  }

  #draw(): void {
    if (this.#closed) return
    this.#persist()
    this.#lines = drawFrame(this.#tally, this.#inFlight, this.#rate, this.#terminal, performance.now(), (style, text) => styleText(style, text, { stream: this.#terminal }))
    this.#log(this.#lines.join('\n'))
  }

  /** Lines that stay, above the bars. */
  #persist(): void {
    if (this.#waiting.length === 0) return
    this.#log.persist(this.#waiting.join('\n'))
    this.#waiting = []
    this.#lines = []
  }

  /** The terminal has wrapped our lines anew: they are erased at the height that they have now. */
  #resize(): void {
    const columns = Math.max(1, this.#terminal.columns)
    if (columns < this.#columns && this.#lines.length > 0) {
      const rows = this.#lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0)
      this.#terminal.write(`\u001b[${Math.min(rows, this.#terminal.rows - 1)}A\r\u001b[J`)
      this.#log.done()
      this.#lines = []
    }
    this.#columns = columns
    this.#draw()
  }
}

type Paint = (style: 'cyan' | 'dim' | 'red', text: string) => string

/** The lines of one frame; none is wider than the terminal, and they leave its last row free. */
export function drawFrame(
  tally: Tally, inFlight: ReadonlySet<InFlight>, rate: Rate, size: { readonly columns: number; readonly rows: number }, nowMs: number,
  paint: Paint = (_, text) => text,
): readonly string[] {
  let flying = 0
  for (const one of inFlight) flying += one.sent
  const moved = tally.blobs.pushedBytes + flying
  rate.add(nowMs, moved)
  const moving = rate.bytesPerSecond
  // Bytes that turn out to be there do not have to cross; those that are mounted were never expected to.
  const expected = Math.max(moved, tally.expectedBytes - tally.blobs.existedBytes)
  const etaMs = rate.etaMs(nowMs, { done: tally.settled, of: tally.total, known: tally.isTotalKnown, left: expected - moved, resolved: tally.resolved })

  const width = Math.max(10, Math.min(40, size.columns - 50))
  const fits = (line: string): string => cliTruncate(line, Math.max(1, size.columns - 1))
  const totals = [tally.failed > 0 ? paint('red', `${formatNumber(tally.failed)} failed`) : '', tally.present > 0 ? `${formatNumber(tally.present)} already there` : '']
    .filter((part) => part !== '').join(', ')
  const lines = [
    fits(`images ${paint('cyan', formatBar(tally.settled / tally.total, width))} ${formatNumber(tally.settled)}/${formatNumber(tally.total)}${tally.isTotalKnown ? '' : '+'}${totals === '' ? '' : `  ${totals}`}`),
    fits(`bytes  ${paint('cyan', formatBar(moved / expected, width))} ${formatBytes(moved)} of ${formatBytes(expected)}  ${formatBytes(moving)}/s  ${
      etaMs === undefined ? `${formatDuration(nowMs - rate.startedMs)} so far` : `${formatDuration(etaMs)} left`}`),
  ]
  const room = Math.min(8, size.rows - lines.length - 2)
  // The oldest are what a person wonders about; sorting a few hundred ten times a second costs nothing.
  const oldest = [...inFlight].sort((a, b) => a.startedMs - b.startedMs)
  const shown = oldest.slice(0, Math.max(0, oldest.length > room ? room - 1 : room))
  for (const one of shown) {
    const { desc: { size: bytes, digest } } = one
    const fraction = bytes > 0 ? one.sent / bytes : 0
    lines.push(fits(`  ${paint('dim', formatBar(fraction, 10))} ${formatBytes(one.sent).padStart(7)} of ${formatBytes(Math.max(0, bytes)).padEnd(7)} ${
      digest.slice(digest.indexOf(':') + 1).slice(0, 12)} ${printable(`${one.registry}/${one.repository}`)}`))
  }
  if (oldest.length > shown.length && room > 0) lines.push(fits(`  and ${oldest.length - shown.length} more on their way`))
  return lines
}
