import type { ErrorRecord } from '@longshore/oci'
import { describeFailure, describePlace, type Unlisted } from '@longshore/report'
import { type Finding, formatEnd, hintFor, type ImageId, imageId, mayPass, type Verification } from '@longshore/transfer'
import type { VerificationSummary } from './record.ts'

const kept = 50

/** An image that is wrong in several ways counts as the worst of them. */
const worst = ['missing', 'corrupt', 'differs', 'failed'] as const satisfies ReadonlyArray<Finding['problem']>

export interface Verified {
  readonly verification: Verification
  readonly unlisted: readonly Unlisted[]
  /** Why the destination could not be looked through to its end. */
  readonly unsearched?: ErrorRecord
  readonly deepPercent: number
  readonly signatures?: NonNullable<VerificationSummary['signatures']>
}

export type VerifyOutcome = Omit<VerificationSummary, 'started' | 'ended'>

/** What a verification came to, by images. */
export function verificationSummary({ verification, unlisted, unsearched, deepPercent, signatures }: Verified): VerifyOutcome {
  const { images, sound, findings, extra, manifests, blobs, bytesRead } = verification
  const byImage = Map.groupBy(findings, ({ image }): ImageId => imageId(image))
  const counts = { missing: 0, corrupt: 0, differs: 0, failed: 0 }
  for (const found of byImage.values()) {
    const problem = worst.find((one) => found.some((finding) => finding.problem === one))
    if (problem) counts[problem]++
  }
  const errors = [...findings.flatMap(({ problem, error }) => (problem === 'failed' && error ? [error] : [])), ...unlisted.map(({ error }) => error), ...unsearched ? [unsearched] : []]
  return {
    images, sound, missing: counts.missing, differing: counts.differs, corrupt: counts.corrupt, failed: counts.failed + (unsearched ? 1 : 0), unlisted: unlisted.length,
    passing: errors.filter((error) => mayPass(error)).length,
    manifests, blobs, bytesRead, deepPercent, extra: extra.length, ...(signatures ? { signatures } : {}),
    findings: [
      ...findings.slice(0, kept).map(describeFinding),
      ...unlisted.slice(0, kept).map((event) => ({ destination: '', problem: 'failed', what: `${describePlace(event)}: ${describeFailure(event.error)}`, ...(event.hint === '' ? {} : { hint: event.hint }) })),
      ...(unsearched ? [{ destination: '', problem: 'failed', what: `tags at the destination: ${describeFailure(unsearched)}`, hint: hintFor(unsearched, 'destination') }] : []),
    ],
  }
}

function describeFinding({ image, problem, what, expected, actual, error, hint }: Finding): VerificationSummary['findings'][number] {
  const why = error ? `: ${describeFailure(error)}` : problem === 'differs' && actual !== undefined ? `: is ${actual}, where the source makes it ${expected ?? 'another'}` : ''
  return { destination: formatEnd(image.destination), problem, what: `${what}${why}`, ...(hint === undefined || hint === '' ? {} : { hint }) }
}
