import type { ErrorRecord } from '@longshore/oci'
import { codeOf, describeFailure } from '@longshore/report'
import { registriesOf } from '@longshore/spec'
import { hintFor } from '@longshore/transfer'
import type { CutoverReport } from './cutover-report-schema.ts'
import type { CutoverRecord, FailedImage, Pass, VerificationSummary } from './record.ts'

/** A record as its report: what is not meant to be read by others does not get into it. */
export function buildCutoverReport(record: CutoverRecord, { version, now }: { readonly version: string; readonly now: Date }): CutoverReport {
  const { id, options, created, phase, since, decision, freeze, moved, passes, passCount, verification, trouble } = record
  const { source, destination } = registriesOf(record.spec)
  const last = passes.findLast(({ kind }) => kind !== 'events')
  return {
    version: 1, tool: { name: 'longshore', version }, id, ...(options.name === undefined ? {} : { name: options.name }),
    written: now.toISOString(), created, phase, since, ...(decision ? { verdict: decision.verdict, decided: decision.at } : {}),
    sources: [...source].sort(), destinations: [...destination].sort(),
    criteria: (decision?.criteria ?? []).map(({ name, met, found, hint }) => ({ name, met, found, ...(hint === undefined ? {} : { hint }) })) as CutoverReport['criteria'],
    ...(freeze ? { freeze: { ...freeze } } : {}),
    moved: { ...moved, passes: passCount }, passes: passes.map(toPass), failures: (last?.failures ?? []).map(toFailure),
    ...(verification ? { verification: toVerification(verification) } : {}),
    ...(trouble ? { trouble: { at: trouble.at, code: codeOf(trouble.error), reason: describeFailure(trouble.error), hint: hintFor(trouble.error), error: toError(trouble.error) } } : {}),
  }
}

function toPass({ number, kind, started, ended, images, copied, present, failed, unlisted, bytes, gone }: Pass): CutoverReport['passes'][number] {
  return { number, kind, started, ended, images, copied, present, failed, unlisted, bytes, ...(gone === undefined ? {} : { gone }) }
}

function toFailure({ source, destination, error, hint }: FailedImage): CutoverReport['failures'][number] {
  return { source, ...(destination === undefined ? {} : { destination }), code: codeOf(error), reason: describeFailure(error), hint, error: toError(error) }
}

function toVerification({ passing: _passing, signatures, findings, ...rest }: VerificationSummary): NonNullable<CutoverReport['verification']> {
  return {
    ...rest, findings: findings.map((finding) => ({ ...finding })),
    ...(signatures ? { signatures: { checked: signatures.checked, verified: signatures.verified, unsigned: [...signatures.unsigned] } } : {}),
  }
}

type ReportError = CutoverReport['failures'][number]['error']

/** Field by field: what the schema does not know does not get into a report. */
function toError({ name, code, message, side, status, registry, cause }: ErrorRecord): ReportError {
  return {
    name, code, message, ...(side === undefined ? {} : { side }), ...(status === undefined ? {} : { status }),
    ...(registry === undefined ? {} : { registry }), ...(cause === undefined ? {} : { cause: toError(cause) }),
  }
}
