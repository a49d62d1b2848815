// From a cutover's record to what the API answers, field by field.
import { caughtUpTo, nextPassOf } from '@longshore/cutover'
import type { CutoverHead } from '@longshore/pool'
import { codeOf } from '@longshore/report'
import type { z } from 'zod'
import type { cutoverSchema } from './cutover-schemas.ts'
import { toError } from './resources.ts'

export type CutoverResource = z.output<typeof cutoverSchema>
type Pass = CutoverResource['passes'][number]

export interface Around { readonly waitingChanges: number; readonly leader: string | undefined; readonly passes: ReadonlyMap<number, string> }

export function toCutover(head: CutoverHead, { waitingChanges, leader, passes: migrations }: Around): CutoverResource {
  const upTo = caughtUpTo(head)
  const next = head.cutover && nextPassOf(head, head.cutover)
  const { id, options: { name, srcTlsVerify, destTlsVerify }, phase, created, since, ended, moved, passCount, passes, current, request, freeze, unfrozen, due, verification, decision, trouble } = head
  return {
    id, ...(name === undefined ? {} : { name }), phase, created, since, ...(ended === undefined ? {} : { ended }), options: { srcTlsVerify, destTlsVerify },
    moved: { copied: moved.copied, bytes: moved.bytes }, passCount, passes: passes.map(toPass), ...(current === undefined ? {} : { current: toCurrent(current, migrations.get(current.number)) }),
    ...(request === undefined ? {} : { request: { kind: request.kind, requested: request.requested } }), ...(freeze === undefined ? {} : { freeze: toFreeze(freeze) }),
    ...(unfrozen === undefined ? {} : { unfrozen }), ...(due === undefined ? {} : { due }), ...(verification === undefined ? {} : { verification: toVerification(verification) }),
    ...(decision === undefined ? {} : { decision: toDecision(decision) }), ...(trouble === undefined ? {} : { trouble: { at: trouble.at, error: toError(trouble.error) } }), waitingChanges,
    led: leader !== undefined, ...(leader === undefined ? {} : { leader }), ...(upTo === undefined ? {} : { caughtUpTo: upTo }), ...(next === undefined ? {} : { nextPass: next }),
  }
}

function toPass({ number, kind, started, ended, images, copied, present, failed, bytes, failures, unlisted, passing, gone }: CutoverHead['passes'][number]): Pass {
  return {
    number, kind, started, ended, images, copied, present, failed, bytes, unlisted, passing, ...(gone === undefined ? {} : { gone }),
    failures: failures.map(({ source, destination, error, hint }) => ({ source, ...(destination === undefined ? {} : { destination }), code: codeOf(error), error: toError(error), hint })),
  }
}

function toCurrent({ number, kind, started, changes }: NonNullable<CutoverHead['current']>, migration: string | undefined): CutoverResource['current'] {
  return { number, kind, started, ...(changes === undefined ? {} : { changes }), ...(migration === undefined ? {} : { migration }) }
}

function toFreeze({ requested, by, frozen, deadline, caughtUp }: NonNullable<CutoverHead['freeze']>): CutoverResource['freeze'] {
  return { requested, by, ...(frozen === undefined ? {} : { frozen }), ...(deadline === undefined ? {} : { deadline }), ...(caughtUp === undefined ? {} : { caughtUp }) }
}

function toVerification(found: NonNullable<CutoverHead['verification']>): CutoverResource['verification'] {
  const { started, ended, images, sound, missing, differing, corrupt, failed, unlisted, passing, manifests, blobs, bytesRead, deepPercent, findings, signatures, extra } = found
  return {
    started, ended, images, sound, missing, differing, corrupt, failed, unlisted, passing, manifests, blobs, bytesRead, deepPercent, extra,
    findings: findings.map(({ destination, problem, what, hint }) => ({ destination, problem, what, ...(hint === undefined ? {} : { hint }) })),
    ...(signatures === undefined ? {} : { signatures: { checked: signatures.checked, verified: signatures.verified, unsigned: [...signatures.unsigned] } }),
  }
}

function toDecision({ at, verdict, criteria }: NonNullable<CutoverHead['decision']>): CutoverResource['decision'] {
  return { at, verdict, criteria: criteria.map(({ name, met, found, hint }) => ({ name, met, found, ...(hint === undefined ? {} : { hint }) })) }
}
