import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defaultCutover } from './default-cutover.ts'
import { parseNativeYaml } from './native-yaml.ts'
import { parseSpecs } from './parse-spec.ts'
import { printNativeSpec } from './print-native-spec.ts'
import type { SpecError } from './spec-error.ts'

const head = 'version: 1\nto: dst:1\nimages: [a:1]\n'
const plan = (section: string): ReturnType<typeof parseNativeYaml>['migration']['cutover'] => parseNativeYaml({ name: 's.yaml', content: `${head}cutover:\n${section}` }, {}).migration.cutover
function complaint(section: string): string {
  try { plan(section) } catch (error) { return (error as SpecError).message }
  throw new Error('it was taken')
}

describe('the cutover: section', () => {
  test('is a plan, with its defaults filled in', async () => {
    expect(plan('  freeze: { deadline: 10m }')).toEqual({
      delta: { everyMs: 300_000 }, freeze: { when: { kind: 'manual' }, deadlineMs: 600_000 }, verify: { deepPercent: 0 },
      criteria: { missing: 0, differing: 0, failures: 0, verifyAgeMs: 3_600_000 },
    })
    expect(await defaultCutover()).toEqual({ ...plan('  freeze: {}')!, freeze: { when: { kind: 'manual' }, deadlineMs: 1_800_000 } })
  })

  test('says everything, and converts to itself', async () => {
    const section = `  delta: { every: 1h30m, schedule: '*/10 22-23 * * *', events: { coalesce: 500ms } }
  freeze:
    when: 2026-11-30T23:00:00+01:00
    hook: { command: [./freeze.sh, now], timeout: 2m }
    thaw: { http: { url: 'https://ci.example.com/thaw', headers: { Authorization: 'Bearer \${CI_TOKEN}' } } }
    deadline: 45m
  verify: { deep: 5% }
  criteria: { missing: 1, differing: 2, failures: 3, verifyAge: 20m, signatures: { keys: [cosign.pub], repositories: ['team/**'] } }
  prune: { apply: true, ceiling: 2.5%, backupTag: 'old-{date}-{tag}' }
`
    const made = plan(section)
    expect(made).toEqual({
      delta: { everyMs: 5_400_000, schedule: '*/10 22-23 * * *', events: { coalesceMs: 500 } },
      freeze: {
        when: { kind: 'at', at: '2026-11-30T22:00:00.000Z' }, hook: { kind: 'command', command: ['./freeze.sh', 'now'], timeoutMs: 120_000 },
        thaw: { kind: 'http', url: 'https://ci.example.com/thaw', headers: { Authorization: 'Bearer ${CI_TOKEN}' }, timeoutMs: 60_000 }, deadlineMs: 2_700_000,
      },
      verify: { deepPercent: 5 },
      criteria: { missing: 1, differing: 2, failures: 3, verifyAgeMs: 1_200_000, signatures: { keys: ['cosign.pub'], repositories: ['team/**'] } },
      prune: { apply: true, ceilingPercent: 2.5, backupTag: 'old-{date}-{tag}' },
    })
    const { migration } = await parseSpecs([{ name: 's.yaml', content: `${head}cutover:\n${section}` }], {})
    expect((await parseSpecs([{ name: 'c.yaml', content: await printNativeSpec(migration, []) }], {})).migration.cutover).toEqual(made)
  })

  test('with a schedule there is no interval; with events a pass over everything comes now and then', () => {
    expect(plan("  delta: { schedule: '0 * * * *' }")?.delta).toEqual({ schedule: '0 * * * *' })
    expect(plan('  delta: { events: true }')?.delta).toEqual({ everyMs: 3_600_000, events: { coalesceMs: 2000 } })
  })

  test.each([
    ['an unknown key', '  freez: {}', 's.yaml:5:3: "freez" is not a key of cutover; did you mean "freeze"?'],
    ['an unknown key of a hook', '  freeze: { hook: { comand: [a] } }', /^s\.yaml:5:21: "comand" is not a key of cutover\.freeze\.hook; did you mean "command"\?$/m],
    ['a hook that is nothing', '  freeze: { hook: {} }', 's.yaml:5:19: cutover.freeze.hook: a hook is either a command or http'],
    ['no length of time', '  delta: { every: often }', 's.yaml:5:19: cutover.delta.every: "often" is no length of time; write one such as 30s, 5m, 1h30m or 2d'],
    ['a number where a length of time is meant', '  delta: { every: 5 }', "s.yaml:5:19: cutover.delta.every has to be text (YAML reads 5 as a number: quote it, '5')"],
    ['a word that YAML takes for something else', '  freeze: { hook: { command: [true] } }', "s.yaml:5:31: cutover.freeze.hook.command[0] has to be text (YAML reads true as a boolean: quote it, 'true')"],
    ['no cron expression', "  delta: { schedule: '61 * * * *' }", /^s\.yaml:5:22: cutover\.delta\.schedule: "61 \* \* \* \*" is no cron expression \(.+\); write minute, hour, day, month and weekday, such as "\*\/10 \* \* \* \*"$/],
    ['a cron expression that lacks a field', "  delta: { schedule: '*/10 * * *' }", 's.yaml:5:22: cutover.delta.schedule: "*/10 * * *" has 4 fields; write minute, hour, day, month and weekday, such as "*/10 * * * *", with the second in front where it is wanted'],
    ['a cron expression with a year', "  delta: { schedule: '0 0 22 * * * 2026' }", /^s\.yaml:5:22: cutover\.delta\.schedule: "0 0 22 \* \* \* 2026" has 7 fields; /],
    ['seconds that are none', "  delta: { schedule: '60 */10 * * * *' }", /^s\.yaml:5:22: cutover\.delta\.schedule: "60 \*\/10 \* \* \* \*" is no cron expression \(.+60.+\); /],
    ['a time by chance', "  delta: { schedule: 'H H(1-3) * * *' }", /^s\.yaml:5:22: cutover\.delta\.schedule: "H H\(1-3\) \* \* \*" says H, which is a time by chance; /],
    ['a day that never comes', "  delta: { schedule: '0 0 31 4,6 *' }", /^s\.yaml:5:22: cutover\.delta\.schedule: "0 0 31 4,6 \*" is no cron expression /],
    ['a time without its zone', '  freeze: { when: 2026-11-30T22:00 }', 's.yaml:5:19: cutover.freeze.when: "2026-11-30T22:00" is neither manual, nor caught-up, nor a time with its zone such as 2026-11-30T22:00:00Z'],
    ['a percentage that is none', '  verify: { deep: 500% }', 's.yaml:5:19: cutover.verify.deep: "500%" is no percentage; write one from 0% to 100%'],
    ['fewer than none', '  criteria: { missing: -1 }', 's.yaml:5:24: cutover.criteria.missing must be 0 or more'],
    ['a backup tag that is one for all', '  prune: { backupTag: old }', 's.yaml:5:23: cutover.prune.backupTag: a backup tag has {tag} in it: without, two tags would be kept under one name'],
    ['a secret', '  freeze: { hook: { http: { url: "http://a", headers: { Authorization: hunter2 } } } }', 's.yaml:5:72: cutover.freeze.hook.http.headers.Authorization: a secret is not part of a spec; write ${NAME}, and set that variable where Longshore runs'],
  ])('%s', (_, section, message) => {
    if (typeof message === 'string') expect(complaint(section)).toBe(message)
    else expect(complaint(section)).toMatch(message)
  })

  test.each(['*/10 22-23 * * *', '30 */10 22-23 * * *', '@hourly', '0 22 * * MON-THU', '0 0 L * *', '0 22 ? * 5L', '0 22 * * 1#2'])('a schedule may be %s', (schedule) => {
    expect(plan(`  delta: { schedule: '${schedule}' }`)?.delta).toEqual({ schedule })
  })

  test('of several specs one has it', async () => {
    const one = (name: string): { readonly name: string; readonly content: string } => ({ name, content: `${head}cutover: { verify: { deep: 1% } }\n` })
    expect((await parseSpecs([{ name: 'list', content: 'b:1\n' }, one('a.yaml')], { to: ['dst:1'] })).migration.cutover?.verify).toEqual({ deepPercent: 1 })
    await expect(parseSpecs([one('a.yaml'), one('b.yaml')], {})).rejects.toThrow('b.yaml:4:10: a second cutover: section; the first is at a.yaml:4:10, and one counts for all specs')
  })
})

test("the reference's section is taken", () => {
  const docs = readFileSync(new URL('../../../docs/spec.md', import.meta.url), 'utf8')
  const section = /```yaml\ncutover:\n([\s\S]*?)```/.exec(docs)?.[1] ?? ''
  expect(plan(section)).toMatchObject({ delta: { everyMs: 300_000, schedule: '*/10 22-23 * * *' }, freeze: { hook: { kind: 'command' }, thaw: { kind: 'http' } }, prune: { ceilingPercent: 10 } })
})
