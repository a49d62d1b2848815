// The report for whoever has to say "go": a page that begins with the answer. Everything that is not ours is escaped: names come from registries.
import type { CutoverReport } from './cutover-report-schema.ts'

const shownFailures = 15
const shownPasses = 8

export function printCutoverMarkdown(report: CutoverReport): string {
  const { destinations, verdict } = report
  return `${[
    `# Cutover to ${destinations.map(text).join(', ')}: ${verdict === undefined ? phaseWords[report.phase] : verdict === 'go' ? 'GO' : 'NO-GO'}`,
    '', ...answer(report), '', ...facts(report), ...criteria(report), ...wrong(report), ...next(report), ...passes(report), '',
    `Cutover ${text(report.id)}, written ${when(report.written)} by Longshore ${text(report.tool.version)}. The same as JSON is beside this file; docs/cutover.md is the runbook.`,
  ].join('\n')}\n`
}

const phaseWords = {
  bulk: 'being filled', delta: 'following the source', freezing: 'being frozen', final: 'in the last pass', verifying: 'being verified', deciding: 'being decided',
  go: 'GO', 'no-go': 'NO-GO', aborted: 'aborted',
} as const satisfies Record<CutoverReport['phase'], string>

function answer({ verdict, decided, phase, since, criteria, freeze }: CutoverReport): readonly string[] {
  const unmet = criteria.filter(({ met }) => !met).length
  if (phase === 'aborted') return [`**Aborted** ${when(since)}. The clusters stay with the source.`]
  if (verdict === 'go') return [`**Go.** Decided ${when(decided ?? since)}; all ${criteria.length} criteria are met. The clusters can be switched to the destination.`]
  if (verdict === 'no-go') {
    const frozen = freeze?.frozen === undefined ? '' : ' **The source is still frozen:** try again soon, or unfreeze it.'
    return [`**No-go.** Decided ${when(decided ?? since)}; ${unmet} of ${criteria.length} criteria ${unmet === 1 ? 'is' : 'are'} not met. Do not switch the clusters.${frozen}`]
  }
  return [`**Not decided yet.** In this phase since ${when(since)}.`]
}

function facts({ sources, destinations, verification, moved, created, freeze, name }: CutoverReport): readonly string[] {
  return [
    '| | |', '|---|---|',
    ...(name === undefined ? [] : [row('Name', text(name))]),
    row('From', sources.map(text).join(', ')), row('To', destinations.map(text).join(', ')),
    row('Images', verification ? `${amount(verification.images)}, of which ${amount(verification.sound)} are proven to be as they are at the source` : 'not verified yet'),
    ...(verification ? [row('Proof', `${amount(verification.manifests)} manifests by digest, ${amount(verification.blobs)} blobs${verification.deepPercent > 0 ? `, ${verification.deepPercent === 100 ? 'the whole content' : `the content of a sample of them (${verification.deepPercent} %)`} read and hashed (${bytes(verification.bytesRead)})` : ', by digest'}`)] : []),
    ...(verification?.signatures ? [row('Signatures', `${amount(verification.signatures.verified)} of ${amount(verification.signatures.checked)} verified`)] : []),
    row('Moved', `${amount(moved.copied)} images in ${amount(moved.passes)} ${moved.passes === 1 ? 'pass' : 'passes'}, ${bytes(moved.bytes)}`),
    row('Begun', when(created)),
    ...(freeze?.frozen === undefined ? [] : [row('Source frozen', `${when(freeze.frozen)}, by ${freeze.by === 'person' ? 'a person' : 'the spec'}`)]),
    ...(freeze?.frozen === undefined ? [] : [row('Last pass through', freeze.caughtUp === undefined ? `not by ${when(freeze.deadline ?? freeze.frozen)}` : `${when(freeze.caughtUp)} (deadline ${when(freeze.deadline ?? freeze.frozen)})`)]),
    ...(verification ? [row('Verified', when(verification.ended))] : []), '',
  ]
}

function criteria({ criteria: all }: CutoverReport): readonly string[] {
  if (all.length === 0) return []
  return ['## Criteria', '', '| | criterion | found |', '|---|---|---|', ...all.map(({ met, name, found }) => `| ${met ? '✔' : '**✘**'} | ${text(name)} | ${text(found)} |`), '']
}

function wrong({ criteria: all, failures, verification, trouble }: CutoverReport): readonly string[] {
  const unmet = all.filter(({ met }) => !met)
  const findings = verification?.findings ?? []
  if (unmet.length + failures.length + findings.length === 0 && !trouble) return []
  return [
    '## What is wrong, and what to do', '',
    ...unmet.map(({ name, found, hint }) => `* **${text(name)}**: ${text(found)}.${hint === undefined ? '' : ` → ${text(hint)}.`}`),
    ...(trouble ? [`* **Trouble** ${when(trouble.at)}: ${text(trouble.reason)} (${text(trouble.code)}).${trouble.hint === '' ? '' : ` → ${text(trouble.hint)}.`}`] : []),
    ...(unmet.length > 0 || trouble ? [''] : []),
    ...list('Failed in the latest pass', failures.map(({ source, destination, code, reason, hint }) => `${nameOf(source)}${destination === undefined ? '' : ` → ${nameOf(destination)}`}: ${text(reason)} (${text(code)})${hint === '' ? '' : `. → ${text(hint)}`}`)),
    ...list('Found by the verification', findings.map(({ destination, problem, what, hint }) => `${destination === '' ? '' : `${nameOf(destination)}: `}${text(problem)}: ${text(what)}${hint === undefined ? '' : `. → ${text(hint)}`}`)),
  ]
}

function list(title: string, items: readonly string[]): readonly string[] {
  if (items.length === 0) return []
  const more = items.length - shownFailures
  return [`### ${title}`, '', ...items.slice(0, shownFailures).map((item) => `* ${item}`), ...(more > 0 ? [`* and ${amount(more)} more, in the JSON report`] : []), '']
}

function next({ verdict, phase, freeze }: CutoverReport): readonly string[] {
  if (verdict === 'go') {
    return [
      '## Next', '',
      '1. Switch the clusters: `longshore mapping` prints what they need (containerd `hosts.toml`, `registries.conf`, Kustomize).',
      '2. Point builds and people at the destination. Leave the source read-only; nothing that is pushed there from now on is carried over.',
      '3. Keep the source for as long as you may want to go back.', '', '## Rollback', '',
      'The source is untouched: it was only read. To go back, undo the mapping in the clusters and make the source writable again. What has been pushed to the destination since is not at the source: push it there, or rebuild it.', '',
    ]
  }
  if (verdict !== 'no-go' || phase !== 'no-go') return []
  return [
    '## Next', '',
    '* **Try again now**, while the source is frozen: mend what is named above, then run the same `longshore cutover` command again. It makes the last pass, verifies and decides anew.',
    `* **Or call it off for today**: \`longshore cutover unfreeze\` makes the source writable again${freeze?.frozen === undefined ? '' : ' (by the thaw hook, where the spec has one)'} and goes back to deltas; the freeze is asked for again on another day.`, '',
    '## Rollback', '', 'Nothing has to be undone: the clusters still use the source, and the source was only read.', '',
  ]
}

function passes({ passes: all }: CutoverReport): readonly string[] {
  if (all.length === 0) return []
  const [first] = all
  const shown = first && all.length > shownPasses ? [first, ...all.slice(1 - shownPasses)] : all
  return [
    '## Passes', '', '| pass | kind | began | images | copied | failed | moved |', '|---|---|---|---|---|---|---|',
    ...shown.map((pass) => `| ${pass.number} | ${pass.kind} | ${when(pass.started)} | ${amount(pass.images)} | ${amount(pass.copied)} | ${amount(pass.failed + pass.unlisted)} | ${bytes(pass.bytes)} |`),
  ]
}

function row(title: string, value: string): string { return `| ${title} | ${value} |` }

/** `2026-11-30 22:41:07 UTC` */
function when(iso: string): string { return `${iso.slice(0, 19).replace('T', ' ')} UTC` }

/** Words that Markdown and HTML leave alone, on one line. */
function text(words: string): string {
  return words.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|]/g, (sign) => `\\${sign}`).replaceAll('&', '&amp;')
}

/** A name, as it is. */
function nameOf(name: string): string { return `\`${name.replaceAll('`', "'").replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')}\`` }

function amount(n: number): string { return n.toString().replace(/\B(?=(?:\d{3})+$)/g, ',') }

function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const unit = Math.min(units.length - 1, n < 1000 ? 0 : Math.floor(Math.log10(n) / 3))
  return `${unit === 0 ? n : (n / 1000 ** unit).toFixed(1)} ${units[unit] ?? 'B'}`
}
