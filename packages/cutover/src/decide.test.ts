import { specOf } from '@longshore/testing/contracts'
import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { newRecord } from './new-record.ts'
import { planOf } from './plan-of.ts'
import type { CutoverRecord, VerificationSummary } from './record.ts'
import type { CutoverPlan } from '@longshore/spec'

const now = new Date('2026-11-30T23:00:00.000Z')
const before = (minutes: number): string => new Date(now.getTime() - minutes * 60_000).toISOString()
const sound: VerificationSummary = {
  started: before(2), ended: before(1), images: 10, sound: 10, missing: 0, differing: 0, corrupt: 0, failed: 0, unlisted: 0, passing: 0, manifests: 20, blobs: 30, bytesRead: 0, deepPercent: 0, findings: [], extra: 3,
}
const pass = { number: 9, kind: 'final', started: before(4), ended: before(3), images: 10, copied: 1, present: 9, failed: 0, bytes: 1, failures: [], unlisted: 0, passing: 0 } as const
const good: CutoverRecord = {
  ...newRecord('x', specOf('v1', { deadlineMs: 600_000 }), { srcTlsVerify: true, destTlsVerify: true }, new Date(before(100))), phase: 'deciding', passes: [pass],
  freeze: { requested: before(6), by: 'person', frozen: before(5), deadline: before(-5), caughtUp: before(3) }, verification: sound,
}
const withCriteria = (criteria: Partial<CutoverPlan['criteria']>): CutoverPlan => ({ ...planOf(good), criteria: { ...planOf(good).criteria, ...criteria } })
const judge = (record: CutoverRecord, plan = planOf(good)): Record<string, string> => {
  const { verdict, criteria } = decide(record, plan, now)
  return Object.fromEntries([['verdict', verdict], ...criteria.filter(({ met }) => !met).map(({ name, found }) => [name, found])])
}

describe('nothing is proven by', () => {
  test('a verification of no image at all', () => {
    expect(judge({ ...good, passes: [{ ...pass, images: 0, copied: 0, present: 0 }], verification: { ...sound, images: 0, sound: 0 } })).toEqual({ verdict: 'no-go', images: 'no image was verified' })
  })
  test('a verification of fewer images than the last pass found', () => {
    expect(judge({ ...good, verification: { ...sound, images: 9, sound: 9 } })).toEqual({ verdict: 'no-go', images: '9 images were verified, of 10 that the last pass found' })
  })
  test('a verification of one image where there are two', () => {
    expect(judge({ ...good, passes: [{ ...pass, images: 2 }], verification: { ...sound, images: 1, sound: 1 } })).toMatchObject({ images: '1 image was verified, of 2 that the last pass found' })
  })
  test('signatures of no image at all', () => {
    const plan = withCriteria({ signatures: { keys: ['k'], repositories: ['mispelt/**'] } })
    expect(judge({ ...good, verification: { ...sound, signatures: { checked: 0, verified: 0, unsigned: [] } } }, plan)).toEqual({ verdict: 'no-go', signatures: 'no image was asked for its signature' })
  })
})

describe('go, when', () => {
  test('every criterion is met, which is said in words', () => {
    expect(decide(good, planOf(good), now)).toEqual({
      at: now.toISOString(), verdict: 'go', criteria: [
        { name: 'images', met: true, found: '10 images were verified, of 10 that the last pass found' },
        { name: 'missing', met: true, found: '0 of 10 images are missing (allowed: 0)' },
        { name: 'differing', met: true, found: '0 of 10 images differ or are corrupt (allowed: 0)' },
        { name: 'failures', met: true, found: 'nothing failed in the last pass or could not be checked (allowed: 0)' },
        { name: 'verify-age', met: true, found: 'verified 1m ago (allowed: 1h)' },
        { name: 'deadline', met: true, found: 'the last pass was through after 2m (allowed: 10m)' },
      ],
    })
  })
  test('there is no more wrong than is allowed', () => {
    expect(judge({ ...good, verification: { ...sound, missing: 2, differing: 1, failed: 3 } }, withCriteria({ missing: 2, differing: 1, failures: 3 }))).toEqual({ verdict: 'go' })
  })
})

describe('no-go, when', () => {
  test.each<[string, CutoverRecord, Record<string, string>]>([
    ['an image is missing', { ...good, verification: { ...sound, missing: 1 } }, { missing: '1 of 10 images are missing (allowed: 0)' }],
    ['an image is corrupt', { ...good, verification: { ...sound, corrupt: 1 } }, { differing: '1 of 10 images differ or are corrupt (allowed: 0)' }],
    ['an image failed in the last pass', { ...good, passes: [{ ...pass, failed: 1 }] }, { failures: '1 failed or could not be listed in the last pass, 0 could not be checked (allowed: 0)' }],
    ['a place could not be checked', { ...good, verification: { ...sound, unlisted: 1 } }, { failures: '0 failed or could not be listed in the last pass, 1 could not be checked (allowed: 0)' }],
    ['the verification is old', { ...good, verification: { ...sound, ended: before(61) } }, { 'verify-age': 'verified 1h1m ago (allowed: 1h)' }],
    ['the last pass was cut off', { ...good, freeze: { requested: before(60), by: 'spec', frozen: before(60), deadline: before(50) } }, { deadline: 'the last pass was not through in time, and was cut off (allowed: 10m)' }],
    ['nothing was verified', (({ verification: _verification, ...rest }) => rest)(good), { images: 'the destination was not verified', missing: 'the destination was not verified', differing: 'the destination was not verified', failures: 'the destination was not verified', 'verify-age': 'the destination was not verified' }],
  ])('%s', (_, record, unmet) => { expect(judge(record)).toEqual({ verdict: 'no-go', ...unmet }) })

  test('signatures are asked for, and one does not verify, or none was looked at', () => {
    const plan = withCriteria({ signatures: { keys: ['k'] } })
    expect(judge(good, plan)).toEqual({ verdict: 'no-go', signatures: 'signatures were not checked' })
    expect(judge({ ...good, verification: { ...sound, signatures: { checked: 10, verified: 9, unsigned: ['a'] } } }, plan)).toEqual({ verdict: 'no-go', signatures: '9 of 10 images have a signature that one of the keys verifies' })
    expect(judge({ ...good, verification: { ...sound, signatures: { checked: 10, verified: 10, unsigned: [] } } }, plan)).toEqual({ verdict: 'go' })
  })

  test('each unmet criterion says what to do', () => {
    const { criteria } = decide({ ...good, verification: { ...sound, missing: 1, corrupt: 1, failed: 1, ended: before(100) }, freeze: { requested: before(5), by: 'person' } }, withCriteria({ signatures: { keys: ['k'] } }), now)
    expect(criteria.map(({ met, hint }) => [met, (hint ?? '').length > 20])).toEqual([[true, false], ...Array.from({ length: 6 }, () => [false, true])])
  })
})
