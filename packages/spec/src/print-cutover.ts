// A cutover's plan as the section that means the same: everything is written out, so that it shows what defaults there are.
import type { CutoverPlan, Hook } from './cutover-plan.ts'
import { formatDurationMs } from './duration.ts'

export function printCutover({ delta, freeze, verify, criteria, prune }: CutoverPlan): Record<string, unknown> {
  return {
    delta: {
      ...(delta.everyMs === undefined ? {} : { every: formatDurationMs(delta.everyMs) }), ...(delta.schedule === undefined ? {} : { schedule: delta.schedule }),
      ...(delta.events ? { events: { coalesce: formatDurationMs(delta.events.coalesceMs) } } : {}),
    },
    freeze: {
      when: freeze.when.kind === 'at' ? freeze.when.at : freeze.when.kind,
      ...(freeze.hook ? { hook: printHook(freeze.hook) } : {}), ...(freeze.thaw ? { thaw: printHook(freeze.thaw) } : {}), deadline: formatDurationMs(freeze.deadlineMs),
    },
    verify: { deep: `${verify.deepPercent}%` },
    criteria: {
      missing: criteria.missing, differing: criteria.differing, failures: criteria.failures, verifyAge: formatDurationMs(criteria.verifyAgeMs),
      ...(criteria.signatures ? { signatures: criteria.signatures } : {}),
    },
    ...(prune ? { prune: { apply: prune.apply, ceiling: `${prune.ceilingPercent}%`, ...(prune.backupTag === undefined ? {} : { backupTag: prune.backupTag }) } } : {}),
  }
}

export function printHook(hook: Hook): Record<string, unknown> {
  const timeout = formatDurationMs(hook.timeoutMs)
  return hook.kind === 'command' ? { command: hook.command, timeout } : { http: { url: hook.url, ...(Object.keys(hook.headers).length > 0 ? { headers: hook.headers } : {}) }, timeout }
}
