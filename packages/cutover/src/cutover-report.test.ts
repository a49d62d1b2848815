import { expect, test } from 'vitest'
import { printCutoverMarkdown } from './cutover-markdown.ts'
import { buildCutoverReport } from './cutover-report.ts'
import { cutoverReportJsonSchema, cutoverReportSchema } from './cutover-report-schema.ts'
import { decide } from './decide.ts'
import { newRecord } from './new-record.ts'
import { planOf } from './plan-of.ts'
import type { CutoverRecord } from './record.ts'
import { specOf } from '@longshore/testing/contracts'

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 30, 22, minute)).toISOString()
const error = { name: 'CopyError', code: 'COPY_FAILED', message: 'fetch on the source', side: 'source' as const, cause: { name: 'DigestMismatchError', code: 'DIGEST_MISMATCH', message: 'the bytes hash to x, not to y' } }

function record(broken: boolean): CutoverRecord {
  const begun = newRecord('20261130-220000-abcd', specOf('v1'), { srcTlsVerify: true, destTlsVerify: true, name: 'big | day <script>' }, new Date(at(0)))
  const failures = broken ? [{ source: 'old:5000/team/app:v1', destination: 'new:5000/team/app:v1', error, hint: 'pull it by hand' }] : []
  const pass = { images: 300, copied: 299, present: 0, failed: failures.length, bytes: 1.5e9, unlisted: 0, passing: 0, failures }
  return {
    ...begun, phase: 'deciding', passCount: 2, moved: { copied: 300, bytes: 1.6e9 },
    passes: [{ number: 1, kind: 'bulk', started: at(0), ended: at(5), ...pass }, { number: 2, kind: 'final', started: at(11), ended: at(12), ...pass }],
    freeze: { requested: at(10), by: 'person', frozen: at(11), deadline: at(12), caughtUp: at(12) },
    verification: {
      started: at(12), ended: at(13), images: 300, sound: broken ? 299 : 300, missing: broken ? 1 : 0, differing: 0, corrupt: 0, failed: 0, unlisted: 0, passing: 0, manifests: 600, blobs: 900,
      bytesRead: 0, deepPercent: 0, extra: 0, findings: broken ? [{ destination: 'new:5000/team/app:v1', problem: 'missing', what: 'new:5000/team/app:v1' }] : [],
    },
  }
}

function reportOf(broken: boolean): ReturnType<typeof buildCutoverReport> {
  const before = record(broken)
  const decision = decide(before, planOf(before), new Date(at(14)))
  return buildCutoverReport({ ...before, decision, phase: decision.verdict }, { version: '1', now: new Date(at(15)) })
}

// `npx vitest run packages/cutover/src/cutover-report.test.ts -u` writes it anew.
test('schema/cutover-report.schema.json is what the code says', async () => {
  await expect(`${JSON.stringify(cutoverReportJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot('../schema/cutover-report.schema.json')
})

test.each([true, false])('the report has the published form (broken: %s)', (broken) => {
  const report = JSON.parse(JSON.stringify(reportOf(broken))) as unknown
  expect(cutoverReportSchema.parse(report)).toEqual(report)
})

test('a no-go says why, what to do and what is still frozen, on a page', () => {
  const text = printCutoverMarkdown(reportOf(true))
  expect(text.split('\n')[0]).toBe('# Cutover to new:5000: NO-GO')
  expect(text).toContain('**No-go.** Decided 2026-11-30 22:14:00 UTC; 2 of 6 criteria are not met. Do not switch the clusters. **The source is still frozen:**')
  expect(text).toContain('| **✘** | missing | 1 of 300 images are missing (allowed: 0) |')
  expect(text).toContain('* `old:5000/team/app:v1` → `new:5000/team/app:v1`: fetch on the source: the bytes hash to x, not to y (DIGEST\\_MISMATCH). → pull it by hand')
  expect(text).toContain('longshore cutover unfreeze')
  expect(text).toContain('| Name | big \\| day \\<script\\> |')
  expect(text.split('\n').length).toBeLessThan(70)
})

test('a go says what comes next, and how to go back', () => {
  const text = printCutoverMarkdown(reportOf(false))
  expect(text).toContain('**Go.** Decided 2026-11-30 22:14:00 UTC; all 6 criteria are met.')
  expect(text).not.toContain('✘')
  expect(text).not.toContain('What is wrong')
  expect(text).toMatch(/## Rollback\n\nThe source is untouched/)
})

test('a hundred failures are still a page', () => {
  const before = reportOf(true)
  const text = printCutoverMarkdown({ ...before, failures: Array.from({ length: 50 }, () => before.failures[0]!) })
  expect(text).toContain('* and 35 more, in the JSON report')
})
