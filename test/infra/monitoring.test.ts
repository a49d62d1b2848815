// Alerts and dashboard: of metrics that there are, with labels that they have, in PromQL that Prometheus takes; each alert in the runbook.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPoolMetrics } from '@longshore/telemetry'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { render } from './kustomize.ts'
import { anchors } from './operations.ts'
import { findPromtool, root, run, tryRun } from './tools.ts'

interface Rule { readonly alert: string; readonly expr: string; readonly labels: { readonly severity: string }; readonly annotations: Readonly<Record<string, string>> }
interface Panel { readonly id: number; readonly type: string; readonly title: string; readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }; readonly targets?: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string; readonly datasource: { readonly uid: string } }> }
interface Dashboard { readonly uid: string; readonly title: string; readonly panels: readonly Panel[]; readonly templating: { readonly list: ReadonlyArray<{ readonly name: string; readonly query: string }> } }

const work = mkdtempSync(join(tmpdir(), 'longshore-rules-'))
const dashboard = JSON.parse(readFileSync(join(root, 'infra/grafana/longshore.json'), 'utf8')) as Dashboard
let rules: readonly Rule[] = []
let rulesFile = ''
let promtool = ''
/** Metric to its labels, as the services expose them. */
const metrics = new Map<string, Set<string>>()
/** Those that Prometheus adds. */
const added = ['namespace', 'pod', 'job']

beforeAll(async () => {
  promtool = await findPromtool()
  const { groups } = (await render('overlays/monitoring')).find(({ kind }) => kind === 'PrometheusRule')!.spec as { groups: ReadonlyArray<{ rules: readonly Rule[] }> }
  rules = groups.flatMap((group) => group.rules)
  rulesFile = join(work, 'rules.yml')
  writeFileSync(rulesFile, JSON.stringify({ groups }))

  const all = createPoolMetrics()
  all.countRegistry({ side: 'source', registry: 'r', bytesIn: 1, bytesOut: 1, retries: 1, pauses: 1, byStatus: { 'GET 200': 1 } })
  all.countJob('blobs', 'done')
  all.observeLedgerOperation('claim', 1)
  all.setInFlight('blob', 1)
  all.setQueue('blobs', 1, 1)
  all.setMigrations({ running: 1 })
  all.setActive([{ id: 'm', openImages: 1, images: { copied: 1, present: 1, failed: 1 }, etaMs: 1, isLed: true }])
  all.setCutovers({ delta: 1 })
  all.setActiveCutovers([{ id: 'c', phase: 'delta', passes: 1, waitingChanges: 1, lagMs: 1, sincePassMs: 1, lateMs: 1, leftMs: 1, isLed: true }])
  all.countNotification('harbor', 1, 1)
  all.countRefusedNotification(401)
  for (const [, name = '', labels = ''] of (await all.scrape()).text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = metrics.get(name) ?? new Set(added)
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    metrics.set(name, known)
  }
}, 600_000)
afterAll(() => { rmSync(work, { recursive: true }) })

/** What an expression says that no metric has. */
function strangersIn(expr: string): readonly string[] {
  const used = [...expr.matchAll(/\b((?:longshore|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)]
  const names = used.map(([, name = '']) => name)
  const labels = names.flatMap((name) => [...metrics.get(name) ?? []])
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, ?/))
  return [
    ...names.filter((name) => !metrics.has(name)),
    ...used.flatMap(([, name = '', matchers = '']) => [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label).filter((label) => metrics.get(name)?.has(label) === false).map((label) => `${name}{${label}}`)),
    ...grouped.filter((label) => !labels.includes(label)),
  ]
}

describe('alerts', () => {
  test('are of metrics and labels that there are', () => {
    expect(rules.length).toBeGreaterThan(8)
    expect(strangersIn('sum by (que) (longshore_queue_dept{qeue="blobs"}) + longshore_workers{x="1"}')).toEqual(['longshore_queue_dept', 'longshore_workers{x}', 'que'])
    for (const { alert, expr } of rules) expect(strangersIn(expr), alert).toEqual([])
  })

  test('are told by Prometheus from nonsense', async () => {
    expect((await run(promtool, ['check', 'rules', rulesFile])).stdout).toContain(`${rules.length} rules found`)
  })

  test('are each in the runbook, and the runbook has no other', () => {
    for (const { alert, annotations, labels } of rules) {
      expect(annotations['runbook_url'], alert).toBe(`docs/operations.md#${alert.toLowerCase()}`)
      expect(annotations['summary'], alert).toBeTruthy()
      expect(['critical', 'warning'], alert).toContain(labels.severity)
      for (const [, label = ''] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)) expect(rules.find((rule) => rule.alert === alert)!.expr, alert).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`))
    }
    expect([...anchors].filter((anchor) => anchor.startsWith('longshore')).sort()).toEqual(rules.map(({ alert }) => alert.toLowerCase()).sort())
  })

  test('come when they should, and else do not', async () => {
    const pods = { namespace: 'longshore', job: 'longshore-coordinator', pod: 'c-1' }
    const series = (name: string, labels: Readonly<Record<string, string>>, values: string): { series: string; values: string } => (
      { series: `${name}{${Object.entries({ ...pods, ...labels }).map(([label, value]) => `${label}="${value}"`).join(', ')}}`, values }
    )
    const well = [
      series('up', {}, '1x120'), series('longshore_redis_up', {}, '1x120'), series('longshore_workers', {}, '4x120'), series('longshore_leader', { migration: 'm' }, '1x120'),
      series('longshore_leader', { migration: 'm', pod: 'c-2' }, '0x120'), series('longshore_migrations', { state: 'running' }, '1x120'),
      series('longshore_cutover_leader', { cutover: 'c' }, '1x120'), series('longshore_cutover_leader', { cutover: 'c', pod: 'c-2' }, '0x120'), series('longshore_cutover_phase', { cutover: 'c', phase: 'final' }, '1x120'),
      series('longshore_cutover_deadline_seconds', { cutover: 'c' }, '7200-60x120'), series('longshore_cutover_late_seconds', { cutover: 'c' }, '0x120'), series('longshore_cutover_lag_seconds', { cutover: 'c' }, '5x120'),
      series('longshore_notifications_refused_total', { status: '401' }, '0x60 1x60'),
      series('longshore_queue_depth', { queue: 'blobs' }, '50x120'), series('longshore_queue_age_seconds', { queue: 'blobs' }, '20x120'),
      series('longshore_bytes_total', { direction: 'sent', registry: 'r' }, '0+1000000x120'),
      series('longshore_images_total', { outcome: 'copied' }, '0+30x120'), series('longshore_images_total', { outcome: 'failed' }, '0+1x120'),
      series('longshore_requests_total', { side: 'source', registry: 'r', method: 'GET', status: '200' }, '0+100x120'), series('longshore_requests_total', { side: 'source', registry: 'r', method: 'GET', status: '503' }, '0+1x120'),
      series('longshore_pauses_total', { side: 'source', registry: 'r' }, '0+1x120'), series('longshore_lease_reclaims_total', {}, '0x120'),
      series('longshore_ledger_operation_seconds_bucket', { operation: 'claim', le: '0.01' }, '0+100x120'), series('longshore_ledger_operation_seconds_bucket', { operation: 'claim', le: '+Inf' }, '0+100x120'),
    ]
    /** The well-off pool, with these in place of what they name. */
    const but = (...ill: readonly ReturnType<typeof series>[]): typeof well => [...well.filter((one) => !ill.some((other) => other.series === one.series)), ...ill]
    const cases: Readonly<Record<string, typeof well>> = {
      LongshoreCoordinatorDown: but(series('up', {}, '0x120')),
      LongshoreRedisUnreachable: but(series('longshore_redis_up', {}, '0x120')),
      LongshoreNoWorkers: but(series('longshore_workers', {}, '0x120')),
      LongshoreNoLeader: but(series('longshore_leader', { migration: 'm' }, '0x120')),
      LongshoreCutoverNoLeader: but(series('longshore_cutover_leader', { cutover: 'c' }, '0x120')),
      LongshoreCutoverFreezeLong: but(series('longshore_cutover_deadline_seconds', { cutover: 'c' }, '3600-60x120')),
      LongshoreCutoverLate: but(series('longshore_cutover_late_seconds', { cutover: 'c' }, '0+60x120')),
      LongshoreCutoverLags: but(series('longshore_cutover_lag_seconds', { cutover: 'c' }, '0+60x120')),
      LongshoreNotificationsRefused: but(series('longshore_notifications_refused_total', { status: '401' }, '0+1x120')),
      LongshoreStuck: but(series('longshore_bytes_total', { direction: 'sent', registry: 'r' }, '5x120'), series('longshore_images_total', { outcome: 'copied' }, '5x120'), series('longshore_images_total', { outcome: 'failed' }, '0x120')),
      LongshoreQueueOld: but(series('longshore_queue_age_seconds', { queue: 'blobs' }, '2000x120')),
      LongshoreImagesFail: but(series('longshore_images_total', { outcome: 'failed' }, '0+3x120')),
      LongshoreRegistryErrors: but(series('longshore_requests_total', { side: 'source', registry: 'r', method: 'GET', status: '503' }, '0+20x120')),
      LongshoreThrottled: but(series('longshore_pauses_total', { side: 'source', registry: 'r' }, '0+3x120')),
      LongshoreWorkersDie: but(series('longshore_lease_reclaims_total', {}, '0+4x120')),
      LongshoreLedgerSlow: but(series('longshore_ledger_operation_seconds_bucket', { operation: 'claim', le: '0.01' }, '0x120'), series('longshore_ledger_operation_seconds_bucket', { operation: 'claim', le: '1' }, '0+100x120')),
    }
    expect(Object.keys(cases).sort()).toEqual(rules.map(({ alert }) => alert).sort())
    /** The alerts that fire after an hour and a half. */
    const firing = async (name: string, input: typeof well): Promise<readonly string[]> => {
      const file = join(work, `${name}.yml`)
      // What fires is read from the complaint that something does.
      writeFileSync(file, JSON.stringify({
        rule_files: [rulesFile], evaluation_interval: '1m',
        tests: [{ interval: '1m', input_series: input, promql_expr_test: [{ expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: '90m', exp_samples: [] }] }],
      }))
      const { stdout, stderr } = await tryRun(promtool, ['test', 'rules', file])
      const said = stdout + stderr
      if (!/SUCCESS|got:/.test(said)) throw new Error(said)
      return [...said.matchAll(/\{alertname="(\w+)"\}/g)].map(([, name = '']) => name)
    }
    expect(await firing('well', well)).toEqual([])
    for (const [alert, input] of Object.entries(cases)) expect(await firing(alert, input), alert).toEqual([alert])
    // Workers that have just come, and to whom no registry answers: there are no bytes to be counted yet.
    const silent = but(series('longshore_images_total', { outcome: 'copied' }, '0x120'), series('longshore_images_total', { outcome: 'failed' }, '0x120')).filter((one) => !one.series.startsWith('longshore_bytes_total'))
    expect(await firing('silent', silent)).toEqual(['LongshoreStuck'])
    // A hook that fails again and again: there is no deadline yet.
    const unfrozen = but(series('longshore_cutover_phase', { cutover: 'c', phase: 'freezing' }, '1x120')).filter((one) => !one.series.startsWith('longshore_cutover_deadline'))
    expect(await firing('freezing', unfrozen)).toEqual(['LongshoreCutoverFreezeLong'])
  }, 120_000)
})

describe('the dashboard', () => {
  const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))

  test('is the one that the overlay brings, where Grafana looks for it', async () => {
    const map = (await render('overlays/monitoring')).find(({ metadata }) => metadata.name === 'longshore-dashboard')!
    expect(map.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    expect(JSON.parse(map.data!['longshore.json']!)).toEqual(dashboard)
  })

  test('is of metrics and labels that there are, and shows every one', () => {
    const shown = new Set<string>()
    for (const { title, expr } of targets) {
      expect(strangersIn(expr), title).toEqual([])
      for (const [name] of expr.matchAll(/longshore_\w+/g)) shown.add(name.replace(/_(?:bucket|count|sum)$/, ''))
    }
    const all = new Set([...metrics.keys()].filter((name) => name.startsWith('longshore_')).map((name) => name.replace(/_(?:bucket|count|sum)$/, '')))
    expect([...all].filter((name) => !shown.has(name) && !['longshore_leader', 'longshore_cutover_leader'].includes(name))).toEqual([])
  })

  test('is PromQL', async () => {
    const concrete = (expr: string): string => expr.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '3h').replaceAll('$namespace', 'longshore').replaceAll('$registry', '.*')
    const file = join(work, 'dashboard.yml')
    // JSON is YAML; each query as a rule that records it.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: targets.map(({ expr }, i) => ({ record: `panel:${i}`, expr: concrete(expr) })) }] }))
    expect((await run(promtool, ['check', 'rules', file])).stdout).toContain(`${targets.length} rules found`)
    for (const { expr } of targets) expect(concrete(expr)).not.toContain('$')
  })

  test('has panels beside one another, legends of labels that are grouped by, and variables that exist', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)])
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) => Array.from({ length: h * w }, (_, i) => `${x + i % w},${y + Math.floor(i / w)}`))
    expect(cells).toHaveLength(new Set(cells).size)
    for (const { gridPos: { w, x } } of dashboard.panels) expect(x + w).toBeLessThanOrEqual(24)
    const names = dashboard.templating.list.map(({ name }) => name)
    for (const { title, expr, legendFormat, datasource } of targets) {
      expect(datasource.uid).toBe('${datasource}')
      for (const [, name = ''] of expr.matchAll(/\$(?!__)(\w+)/g)) expect(names, title).toContain(name)
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, ?/))
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect([...grouped, ...(grouped.length === 0 ? added : [])], title).toContain(label)
    }
  })
})
