import { digestOf, type ErrorRecord, parseRepositoryName } from '@longshore/oci'
import { buildReport, describeFailure, printFailedList, printReport, type RunEvent, Tally } from '@longshore/report'
import { reportSchema } from '@longshore/report/schema'
import type { Image } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { formatImageLine } from './image-line.ts'
import { formatSummary } from './summary.ts'

const image = (name: string, tag = '1'): Image => {
  const reference = tag as Image['source']['reference']
  return { source: { registry: 'a.example', repository: parseRepositoryName(name), reference }, destination: { registry: 'b.example', repository: parseRepositoryName(`m/${name}`), reference } }
}
const digest = digestOf(Buffer.from('x'))
const blobs = { pushed: 2, pushedBytes: 34_100_000, mounted: 3, mountedBytes: 5, existed: 0, existedBytes: 0 }
const done = (name: string, more: object = {}): Extract<RunEvent, { type: 'done' }> => ({ type: 'done', image: image(name), outcome: 'copied', digest, blobs, referrers: 0, ms: 2100, ...more })
const failed = (name: string, error: Partial<ErrorRecord> = {}): Extract<RunEvent, { type: 'failed' }> => ({
  type: 'failed', image: image(name), error: { name: 'ImageNotFoundError', code: 'IMAGE_NOT_FOUND', message: 'there is none', ...error }, hint: 'look again',
})
const facts = { ms: 2000, stopped: false, registries: [{ side: 'source' as const, registry: 'a.example', requests: 1234, bytesIn: 1, bytesOut: 0, retries: 0, pauses: 2 }], files: [] }

function tallyOf(...events: readonly RunEvent[]): Tally {
  const tally = new Tally({ keepsEntries: true })
  for (const event of events) {
    if (event.type === 'done' || event.type === 'failed') tally.add({ type: 'found', image: event.image })
    tally.add(event)
  }
  return tally
}

describe('a line per image', () => {
  test.each<[string, Extract<RunEvent, { type: 'done' | 'failed' }>, string]>([
    ['copied', done('app'), '12/143 a.example/app:1 -> b.example/m/app:1 copied 34.1 MB, 3 mounted, 2.1 s'],
    ['already there', done('app', { outcome: 'present' }), '12/143 a.example/app:1 -> b.example/m/app:1 already there'],
    ['with referrers and a new digest', done('app', { referrers: 1, rewritten: digest }), `12/143 a.example/app:1 -> b.example/m/app:1 copied 34.1 MB, 3 mounted, 1 referrer, now ${digest}, 2.1 s`],
    ['failed', failed('app'), '12/143 a.example/app:1 -> b.example/m/app:1 FAILED there is none'],
    ['with control characters', failed('app', { message: 'a\u001b[31mb\nc' }), '12/143 a.example/app:1 -> b.example/m/app:1 FAILED a\\x1b[31mb\\x0ac'],
  ])('%s', (_, event, line) => { expect(formatImageLine(event, 12, 143, true)).toBe(line) })

  test('a total that still grows has a plus', () => { expect(formatImageLine(done('app'), 1, 2, false)).toMatch(/^1\/2\+ /) })
})

test('what lies under a failed connection is told once', () => {
  expect(describeFailure({ name: 'CopyError', code: 'COPY_FAILED', message: 'list on the source', cause: {
    name: 'ConnectionError', code: 'TLS_FAILED', message: 'r: speaks plain HTTP', cause: { name: 'Error', code: 'EPROTO', message: 'openssl internals' },
  } })).toBe('list on the source: r: speaks plain HTTP')
})

describe('the summary', () => {
  test('counts', () => {
    const text = formatSummary(tallyOf(done('a'), done('b', { outcome: 'present' })), facts)
    expect(text).toMatch(/^images +1 copied, 1 already there, 0 failed$/m)
    expect(text).toMatch(/^requests +1,234 to a\.example \(source\), which asked to wait 2 times$/m)
    expect(text).not.toContain('failed:')
  })

  test('tells failures of one reason together, and others apart', () => {
    const text = formatSummary(tallyOf(...Array.from({ length: 30 }, (_, i) => failed(`app/${i}`)), failed('other', { message: 'quite another' })), facts)
    expect(text.match(/there is none/g)).toHaveLength(1)
    expect(text).toMatch(/^ {2}30 images: there is none\n {4}a\.example\/app\/0:1 -> b\.example\/m\/app\/0:1\n(?: {4}a\S+ -> b\S+\n){2} {4}and 27 more\n {4}-> look again$/m)
    expect(text).toMatch(/^ {2}a\.example\/other:1 -> b\.example\/m\/other:1\n {4}quite another\n {4}-> look again$/m)
    expect(text).toContain('--report FILE.json and --failed FILE keep all of them')
  })

  test('shows twenty failures at the most, and says where the others are', () => {
    const text = formatSummary(tallyOf(...Array.from({ length: 60 }, (_, i) => failed(`app/${i}`, { message: `reason ${i}` }))), { ...facts, files: ['r.json'] })
    expect(text.match(/reason \d+/g)).toHaveLength(20)
    expect(text).toContain('and 40 more images for 40 other reasons')
    expect(text).toContain('all of them are in r.json')
  })
})

test('a run that had nothing to move does not speak of blobs', () => {
  expect(formatSummary(tallyOf(done('a', { outcome: 'present' })), facts)).toMatch(/^blobs +none had to be moved$/m)
})

describe('the failed list', () => {
  test('is pairs of full references with the reason behind them, and is there when nothing failed', () => {
    const lines = [...printFailedList(tallyOf(done('a'), failed('c'), failed('b', { message: 'bad\nnews' }), { type: 'expanded', images: 3 }))].join('').split('\n').filter((line) => !line.startsWith('#'))
    expect(lines).toEqual([
      'a.example/b:1 b.example/m/b:1 # IMAGE_NOT_FOUND: bad\\x0anews', 'a.example/c:1 b.example/m/c:1 # IMAGE_NOT_FOUND: there is none', '',
    ])
    expect([...printFailedList(tallyOf(done('a'), { type: 'expanded', images: 1 }))].join('').split('\n').slice(0, 1)).toEqual(['# Nothing failed.'])
    const cause: ErrorRecord = { name: 'RegistryError', code: 'UNAUTHORIZED', message: 'no' }
    expect([...printFailedList(tallyOf(failed('c', { name: 'CopyError', code: 'COPY_FAILED', cause })))].at(-1)).toMatch(/# UNAUTHORIZED: /)
  })
})

describe('the report', () => {
  const run = { version: '1.2.3', started: new Date(0), ended: new Date(2000), ms: 2000, stopped: false, registries: facts.registries }

  test('follows its schema, whatever happened, and is ordered by name', () => {
    const deep = failed('z', { status: 404, registry: 'a.example', cause: { name: 'RegistryError', code: 'MANIFEST_UNKNOWN', message: 'no', side: 'source' } })
    const tally = tallyOf(
      deep, done('c', { rewritten: digestOf(Buffer.from('y')) }), done('a', { outcome: 'present' }), { type: 'found', image: image('open') },
      { type: 'dropped', registry: 'a.example', repository: parseRepositoryName('a'), tag: '9' as never, rule: 'semver', reason: 'out of range' },
      { type: 'unlisted', registry: 'a.example', file: 'f', line: 3, error: deep.error, hint: '' },
      { type: 'untagged', registry: 'a.example', count: 7, repositories: [parseRepositoryName('empty')] },
    )
    const report = reportSchema.parse(JSON.parse([...printReport(buildReport(tally, run))].join('')))
    expect(report.images.map(({ destination, outcome }) => [destination, outcome])).toEqual([
      ['b.example/m/a:1', 'present'], ['b.example/m/c:1', 'copied'], ['b.example/m/open:1', 'abandoned'], ['b.example/m/z:1', 'failed'],
    ])
    expect(report.digestMap).toEqual({ [digest]: digestOf(Buffer.from('y')) })
    expect(report.untagged).toEqual([{ registry: 'a.example', count: 7, repositories: ['empty'] }])
    expect(report.outcome).toBe('failed')
    expect([report.images.at(-1), report.unlisted[0]]).toMatchObject([{ code: 'MANIFEST_UNKNOWN' }, { code: 'MANIFEST_UNKNOWN' }])
  })

  test('of nothing is a report, too', () => {
    const report = reportSchema.parse(JSON.parse([...printReport(buildReport(tallyOf({ type: 'expanded', images: 0 }), { ...run, stopped: true }))].join('')))
    expect(report).toMatchObject({ outcome: 'stopped', images: [], totals: { images: { found: 0 } } })
  })
})
