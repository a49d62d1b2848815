// The grammar of the cutover and of what a person says to it.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { addAccessOptions, addOutputOptions, addPoolOptions, addServerOptions, addSpecOptions } from './flags.ts'
import { parseCount } from './parse-value.ts'

const specOrId = 'the spec it was begun with; with --server or --redis its id, or nothing for the one that has not ended'
const stateHelp = 'where the cutover is kept (default: beside SPEC, as SPEC.cutover)'

export function addCutoverCommand(program: Command, done: (code: ExitCode) => void, specHelp: string): void {
  const cutover = program.command('cutover').argument('<SPEC...>', specHelp)
    .summary('move everything until the switch, and say go or no-go')
    .description(`Takes the images of SPEC through the day of the switch: bulk (everything), deltas (what has changed, again and again), the freeze of the
source, a last pass with a deadline, the verification of every image, and the decision by the criteria of SPEC's cutover: section
(docs/spec.md). What it has to remember is in a folder: stop it, or kill it, and the same command goes on. docs/cutover.md is a runbook.`)
  addSpecOptions(cutover)
  addAccessOptions(cutover)
  cutover.optionsGroup('The cutover:')
    .option('--state <DIR>', stateHelp)
    .option('--name <TEXT>', 'what people call it')
    .option('--until-delta <N>', 'leave after N passes of deltas; the same command goes on', parseCount)
    .option('--listen <HOST:PORT>', 'take notifications of registries there (docs/api.md); the secret is LONGSHORE_NOTIFICATION_SECRET or LONGSHORE_NOTIFICATION_SECRET_FILE')
    .option('--again', 'begin another one where the last one was a go; the source\'s content may overwrite what has been pushed to the destination since')
    .option('--prune', 'after a go, list the tags of the destination that the source no longer has, as longshore prune does; they are deleted where the spec says prune: { apply: true }')
    .option('--report <FILE.json>', 'write the report there too (docs/report.md)')
    .option('--report-md <FILE.md>', 'the same for people')
  addPoolOptions(cutover)
  addServerOptions(cutover, true)
  addOutputOptions(cutover)
  cutover.addHelpText('after', `
The commands are what a person says to it from another terminal.

Examples:
  longshore cutover rules.yaml --report-md report.md
      Until the freeze is asked for, then to the decision. Exit code 0 is go, 1 is no-go.

  longshore cutover rules.yaml --until-delta 1
      Bulk and one delta, then leave: the days before. Exit code 0: all is there; 1: something failed in the latest pass.

  longshore cutover rules.yaml --server http://coordinator.example.com:8080 --token-file token
      A coordinator leads it, its workers move it, and registries tell it what changes; this looks on.

Press Ctrl-C to stop cleanly, again to stop at once; the same command goes on in either case.`)
  cutover.action(async (specs: readonly string[], flags) => {
    const { cutoverCommand } = await import('./commands/cutover.ts')
    done(await cutoverCommand(specs, flags))
  })

  for (const [action, summary, description] of [
    ['freeze', 'freeze the source; the last pass comes next', `The source takes no more writes: by the spec's freeze hook, or because whoever says this has seen to it. A delta that is under way is cut
off, as the last pass covers everything; bulk is brought to its end first.`],
    ['unfreeze', 'let the source take writes again, and go back to deltas', `Leaves the freeze, the last pass, the verification or a no-go: the thaw hook is called, and deltas go on. From then on only a person freezes. Where
no process runs the cutover, this one does it.`],
    ['abort', 'end a cutover', 'Ends it: the thaw hook is called where the source was frozen. What was moved stays at the destination; the clusters stay with the source.'],
  ] as const) {
    const command = addStateOption(cutover.command(action).argument('[SPEC...]', specOrId).summary(summary).description(description))
    command.addHelpText('after', `
Examples:
  longshore cutover ${action} rules.yaml
  longshore cutover ${action} --state /var/lib/cutover
  longshore cutover ${action} --server http://coordinator.example.com:8080 --token-file token`)
    command.action(async (specs: readonly string[], flags) => {
      const { cutoverSteerCommand } = await import('./commands/cutover-steer.ts')
      done(await cutoverSteerCommand(action, specs, flags))
    })
  }

  const status = addStateOption(cutover.command('status').argument('[SPEC...]', specOrId).summary('how a cutover stands')
    .description('Phase, latest passes, how far the destination has caught up, what waits, the freeze, troubles.'))
  status.optionsGroup('Output:').option('--json', 'JSON on stdout, for programs')
  status.addHelpText('after', `
Examples:
  longshore cutover status rules.yaml
  longshore cutover status rules.yaml --json | jq .phase`)
  status.action(async (specs: readonly string[], flags) => {
    const { cutoverStatusCommand } = await import('./commands/cutover-status.ts')
    done(await cutoverStatusCommand(specs, flags))
  })

  const report = addStateOption(cutover.command('report').argument('[SPEC...]', specOrId).summary('print the report of a cutover')
    .description('Prints the report in Markdown, or as JSON (docs/report.md); before the decision, of how it stands.'))
  report.optionsGroup('Output:')
    .option('--json', 'as JSON')
    .option('-o, --output <FILE>', 'write it there (default: stdout)')
  report.addHelpText('after', `
Examples:
  longshore cutover report rules.yaml -o report.md
  longshore cutover report rules.yaml --json | jq .criteria`)
  report.action(async (specs: readonly string[], flags) => {
    const { cutoverReportCommand } = await import('./commands/cutover-report.ts')
    done(await cutoverReportCommand(specs, flags))
  })
}

function addStateOption(command: Command): Command {
  command.optionsGroup('The cutover:').option('--state <DIR>', stateHelp).option('--redis <URL>', 'it is kept in this Redis')
  return addServerOptions(command, true)
}
