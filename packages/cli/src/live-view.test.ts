import { Writable } from 'node:stream'
import { digestOf, parseRepositoryName } from '@longshore/oci'
import { Tally } from '@longshore/report'
import { type Image, type InFlight } from '@longshore/transfer'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { drawFrame, LiveView } from './live-view.ts'
import { Rate } from './rate.ts'

const repository = parseRepositoryName('team/app')
const imageOf = (tag: string): Image => ({
  source: { registry: 'a.example', repository, reference: tag as Image['source']['reference'] },
  destination: { registry: 'b.example', repository, reference: tag as Image['source']['reference'] },
})
const flight = (i: number, sent: number): InFlight => ({
  registry: 'b.example', repository: parseRepositoryName(`team/a-rather-long-name-of-a-repository/${i}`), startedMs: i, sent,
  desc: { mediaType: 'x', digest: digestOf(Buffer.from(String(i))), size: 1000 },
})

/** Keeps what is written, and a screen of it: enough of a terminal to see what stays. */
class FakeTerminal extends Writable {
  readonly isTTY = true
  columns = 80
  rows = 24
  written = ''
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.written += chunk.toString()
    done()
  }
}

function tallyOf(): Tally {
  const tally = new Tally({ keepsEntries: false })
  for (const tag of ['1', '2', '3', '4']) {
    tally.add({ type: 'found', image: imageOf(tag) })
    tally.add({ type: 'resolved', image: imageOf(tag), digest: digestOf(Buffer.from(tag)), blobs: 3, bytes: 10_000 })
  }
  tally.add({ type: 'expanded', images: 4 })
  tally.add({ type: 'failed', image: imageOf('1'), error: { name: 'E', code: 'UNKNOWN', message: 'no' }, hint: '' })
  tally.add({ type: 'blob', registry: 'b', repository: 'x', desc: flight(1, 0).desc, outcome: 'pushed', ms: 1 })
  return tally
}

describe('drawFrame', () => {
  const frame = (columns: number, rows: number, flights = 20): readonly string[] => (
    drawFrame(tallyOf(), new Set(Array.from({ length: flights }, (_, i) => flight(i, i * 10))), new Rate(0), { columns, rows }, 5000))

  test.each([[200, 50], [100, 30], [60, 20], [40, 8], [20, 5], [5, 3]])('fits %d × %d', (columns, rows) => {
    const lines = frame(columns, rows)
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThan(columns)
    expect(lines.length).toBeLessThan(rows)
  })

  test('says how far it is and what is on its way, the oldest first', () => {
    const lines = frame(120, 30)
    expect(lines[0]).toMatch(/^images .* 1\/4 +1 failed$/)
    expect(lines[1]).toMatch(/^bytes .* 2\.9 kB of 40\.0 kB/)
    expect(lines[2]).toContain('a-rather-long-name-of-a-repository/0')
    expect(lines.at(-1)).toMatch(/and 13 more on their way/)
  })

  test('a total that is not yet final says so', () => {
    const tally = new Tally({ keepsEntries: false })
    tally.add({ type: 'found', image: imageOf('1') })
    expect(drawFrame(tally, new Set(), new Rate(0), { columns: 80, rows: 24 }, 10)[0]).toContain('0/1+')
  })

  test('control characters in a name stay out of the terminal', () => {
    const evil = { ...flight(1, 1), registry: '\u001b[2Jevil' }
    expect(drawFrame(tallyOf(), new Set([evil]), new Rate(0), { columns: 200, rows: 24 }, 10).join('\n')).not.toContain('\u001b')
  })
})

describe('LiveView', () => {
  test('keeps failures on the screen, clears the bars, and gives the cursor back', () => {
    const terminal = new FakeTerminal()
    const view = new LiveView(terminal, tallyOf(), new Set([flight(1, 5)]))
    view.event({ type: 'failed', image: imageOf('1'), error: { name: 'E', code: 'UNKNOWN', message: 'no \u001b[31m way' }, hint: '' })
    view.say('stopping')
    view.close()
    view.close()
    expect(terminal.written).toMatch(/1\/4 a\.example\/team\/app:1 -> b\.example\/team\/app:1 FAILED no \\x1b\[31m way/)
    expect(terminal.written).toContain('stopping\n')
    const end = terminal.written.slice(terminal.written.lastIndexOf('images '))
    // oxlint-disable-next-line no-control-regex
    expect(end).toMatch(/\u001b\[2K/)
    expect(terminal.listenerCount('resize')).toBe(0)
  })

  test('a narrower terminal is erased at the height that the lines have there', () => {
    const terminal = new FakeTerminal()
    const view = new LiveView(terminal, tallyOf(), new Set([flight(1, 5)]))
    terminal.written = ''
    terminal.columns = 30
    terminal.emit('resize')
    // oxlint-disable-next-line no-control-regex
    const [, up] = /^\u001b\[(\d+)A\r\u001b\[J/.exec(terminal.written) ?? []
    expect(Number(up)).toBeGreaterThan(3)
    view.close()
  })
})

describe('Rate', () => {
  const rate = (): Rate => {
    const made = new Rate(0)
    made.add(0, 0)
    made.add(4000, 4000)
    return made
  }
  test('bytes per second over the last seconds', () => {
    const made = rate()
    expect(made.bytesPerSecond).toBe(1000)
    made.add(10_000, 4000)
    expect(made.bytesPerSecond).toBeLessThan(1000)
  })
  test.each([
    ['by bytes, when all is resolved', { done: 0, of: 10, known: true, left: 5000, resolved: 10 }, 5000],
    ['taking unresolved images to be like the others', { done: 0, of: 10, known: true, left: 5000, resolved: 5 }, 10_000],
    ['by images, when no bytes are left', { done: 2, of: 4, known: true, left: 0, resolved: 4 }, 4000],
    ['not while images are still being found', { done: 5, of: 10, known: false, left: 5000, resolved: 10 }, undefined],
  ])('%s', (_, at, ms) => { expect(rate().etaMs(4000, at)).toBe(ms) })
})
