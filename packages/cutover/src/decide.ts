// The criteria of the spec against what was found, in words.
import type { Criteria, CutoverPlan } from '@longshore/spec'
import { formatDurationMs } from '@longshore/spec'
import { caughtUpPass } from './kept-passes.ts'
import type { CriterionResult, CutoverRecord, Decision, Pass, VerificationSummary } from './record.ts'

/** Go when every criterion is met. */
export function decide(record: CutoverRecord, { criteria, freeze }: CutoverPlan, now: Date): Decision {
  const { verification, passes } = record
  const last = passes.findLast(({ kind }) => kind === 'final')
  const results = [
    looked(verification, caughtUpPass(record)),
    atMost('missing', verification, verification?.missing, criteria.missing, 'are missing', 'run longshore cutover again: what is missing is moved; where it fails again, the failures say why'),
    atMost('differing', verification, verification && verification.differing + verification.corrupt, criteria.differing, 'differ or are corrupt',
      'find out who writes to the destination; corrupt content has to be deleted there before it can be moved again'),
    failures(verification, last, criteria),
    age(verification, criteria, now),
    deadline(record, freeze.deadlineMs),
    ...(criteria.signatures ? [signatures(verification)] : []),
  ]
  return { at: now.toISOString(), verdict: results.every(({ met }) => met) ? 'go' : 'no-go', criteria: results }
}

/** Of nothing, nothing is missing: there has to be something, and no less than the last pass found. */
function looked(verification: VerificationSummary | undefined, last: Pass | undefined): CriterionResult {
  const name = 'images'
  if (!verification) return notVerified(name)
  const { images: verified } = verification
  if (verified === 0) {
    return { name, met: false, found: 'no image was verified', hint: 'see whether the spec names what is meant and these credentials see it (longshore plan lists what would move), then run longshore cutover again' }
  }
  const met = last === undefined || verified >= last.images
  const found = `${verified === 1 ? '1 image was' : `${images(verified)} were`} verified${last ? `, of ${last.images} that the last pass found` : ''}`
  return { name, met, found, ...(met ? {} : { hint: 'something took images away at the source after the freeze, or hides them: find out what, then run longshore cutover again' }) }
}

function atMost(name: string, verification: VerificationSummary | undefined, found: number | undefined, allowed: number, what: string, hint: string): CriterionResult {
  if (!verification || found === undefined) return notVerified(name)
  const met = found <= allowed
  return { name, met, found: `${found} of ${images(verification.images)} ${what} (allowed: ${allowed})`, ...(met ? {} : { hint }) }
}

/** Images of the last pass that failed, and images that could not be checked; an image that is both counts once, as far as can be told. */
function failures(verification: VerificationSummary | undefined, last: Pass | undefined, { failures: allowed }: Criteria): CriterionResult {
  const name = 'failures'
  if (!verification) return notVerified(name)
  const moved = (last?.failed ?? 0) + (last?.unlisted ?? 0)
  const checked = verification.failed + verification.unlisted
  const found = Math.max(moved, checked)
  const met = found <= allowed
  const what = found === 0 ? 'nothing failed in the last pass or could not be checked' : `${moved} failed or could not be listed in the last pass, ${checked} could not be checked`
  return { name, met, found: `${what} (allowed: ${allowed})`, ...(met ? {} : { hint: 'the report lists each failure with its reason and its cure: mend those, then run longshore cutover again' }) }
}

function age(verification: VerificationSummary | undefined, { verifyAgeMs }: Criteria, now: Date): CriterionResult {
  const name = 'verify-age'
  if (!verification) return notVerified(name)
  const ms = Math.max(0, now.getTime() - Date.parse(verification.ended))
  const met = ms <= verifyAgeMs
  return { name, met, found: `verified ${ms < 1000 ? 'just now' : `${formatDurationMs(Math.round(ms / 1000) * 1000)} ago`} (allowed: ${formatDurationMs(verifyAgeMs)})`, ...(met ? {} : { hint: 'run longshore cutover again: it verifies anew' }) }
}

function deadline({ freeze }: CutoverRecord, deadlineMs: number): CriterionResult {
  const name = 'deadline'
  const allowed = `(allowed: ${formatDurationMs(deadlineMs)})`
  const from = freeze?.deadline === undefined ? undefined : Date.parse(freeze.deadline) - deadlineMs
  if (freeze?.caughtUp !== undefined && from !== undefined) {
    return { name, met: true, found: `the last pass was through after ${formatDurationMs(Math.max(1000, Math.round((Date.parse(freeze.caughtUp) - from) / 1000) * 1000))} ${allowed}` }
  }
  return {
    name, met: false, found: `the last pass was not through in time, and was cut off ${allowed}`,
    hint: 'run longshore cutover again while the source is frozen: the deadline begins anew and what arrived is not moved again; or unfreeze and let deltas catch up first',
  }
}

function signatures(verification: VerificationSummary | undefined): CriterionResult {
  const name = 'signatures'
  const found = verification?.signatures
  if (!found) return { name, met: false, found: 'signatures were not checked', hint: 'run longshore cutover again: it verifies anew' }
  if (found.checked === 0) return { name, met: false, found: 'no image was asked for its signature', hint: 'compare cutover.criteria.signatures.repositories with the repositories at the destination, then run longshore cutover again' }
  const met = found.verified === found.checked && found.unsigned.length === 0
  return {
    name, met, found: `${found.verified} of ${images(found.checked)} have a signature that one of the keys verifies`,
    ...(met ? {} : { hint: 'sign these images at the source (or give the key they were signed with) and run longshore cutover again; signatures travel with their images' }),
  }
}

function notVerified(name: string): CriterionResult {
  return { name, met: false, found: 'the destination was not verified', hint: 'run longshore cutover again' }
}

function images(n: number): string { return `${n} images` }
