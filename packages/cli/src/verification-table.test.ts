import { type Digest, digestOf, DigestMismatchError, parseRepositoryName, toRecord } from '@longshore/oci'
import { everyBlob, type Finding, type Image, type Verification } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { formatVerification } from './verification-table.ts'

const image = (tag: string): Image => {
  const reference = tag as Image['source']['reference']
  return { source: { registry: 's', repository: parseRepositoryName('perl'), reference }, destination: { registry: 'd', repository: parseRepositoryName('m/perl'), reference } }
}
const [wanted, other] = [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))] as readonly [Digest, Digest]
const blob = `blob d/m/perl@${wanted}`
const of = (...findings: readonly Finding[]): Verification => ({ images: 3, sound: 1, findings, extra: [], manifests: 1, blobs: 2, contents: 2, contentBytes: 4096, contentsRead: 0, bytesRead: 0 })
const corrupt = (tag: string): Finding => ({
  image: image(tag), problem: 'corrupt', what: blob, expected: wanted, error: toRecord(new DigestMismatchError(blob, wanted, other)), hint: 'unused',
})

describe('what verify found', () => {
  test.each<[string, readonly Finding[], readonly string[]]>([
    ['a missing reference', [{ image: image('1'), problem: 'missing', what: 'd/m/perl:1', expected: wanted }], ['missing at the destination:', '  d/m/perl:1']],
    ['a missing blob', [{ image: image('1'), problem: 'missing', what: blob, expected: wanted }], ['missing at the destination:', `  blob ${wanted} of d/m/perl:1`]],
    ['a missing manifest', [{ image: image('1'), problem: 'missing', what: `d/m/perl@${wanted}`, expected: wanted }], ['missing at the destination:', `  manifest ${wanted} of d/m/perl:1`]],
    ['what the source has lost', [{ image: image('1'), problem: 'missing', what: 's/perl:1 (at the source)' }], ['missing at the source:', '  s/perl:1']],
    ['another digest', [{ image: image('1'), problem: 'differs', what: 'd/m/perl:1', expected: wanted, actual: other }], ['different at the destination:', `  d/m/perl:1: is ${other}, where the source makes it ${wanted}`]],
    ['a corrupt blob of two images, once, with its cure', [corrupt('1'), corrupt('2')], [
      'corrupt at the destination:', `  blob ${wanted} (needed by d/m/perl:1, d/m/perl:2): its bytes hash to ${other}`,
      '  -> registries do not replace content that they have, so neither migrate nor --repair cures this: delete the images there',
      '     (skopeo delete docker://d/m/perl:1), let the registry collect its garbage, then migrate again',
    ]],
    ['a blob that could not be read is not called corrupt', [{ ...corrupt('1'), error: { name: 'ConnectionError', code: 'STALLED', message: 'd: stood still' } }], [
      'could not be checked:', '  d/m/perl:1', '    d: stood still',
    ]],
  ])('%s', (_, findings, lines) => {
    expect(formatVerification(of(...findings), [], everyBlob, 0).split('\n').slice(0, lines.length + 1)).toEqual([...lines, ''])
  })

  test('numbers agree with their words', () => {
    const text = formatVerification({ ...of(), extra: [{ registry: 'd', repository: parseRepositoryName('m/perl'), tag: '9' as never }] }, [], undefined, 0)
    expect(text).toMatch(/^checked +1 manifest, 2 blobs$/m)
    expect(text).toMatch(/^extra +1 tag$/m)
  })

  test('of a sample it is said what share it was, and how the same can be read again', () => {
    const text = formatVerification({ ...of(), contents: 40, contentBytes: 4_000_000, contentsRead: 2, bytesRead: 100_000 }, [], { percent: 5, salt: 'ab12' }, 0)
    expect(text).toContain('2 of 40 distinct blobs (5.0 %), 100 kB of 4.0 MB (2.5 %), read and hashed; --deep=5%:ab12 reads the same ones')
  })

  test('a destination that cannot be looked through is told once', () => {
    const error = { name: 'RegistryError', code: 'UNAUTHORIZED', status: 401, registry: 'd', message: 'd answered 401 to GET /v2/' }
    expect(formatVerification(of(), [], undefined, 0, error)).toMatch(/could not be checked:\n {2}other tags at the destination\n {4}d answered 401/)
    expect(formatVerification(of({ image: image('1'), problem: 'failed', what: 'd/m/perl:1', error }), [], undefined, 0, error).match(/401/g)).toHaveLength(1)
  })
})
