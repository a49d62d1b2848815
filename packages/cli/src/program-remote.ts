// The grammar of the commands that talk to a coordinator.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { addOutputOptions, addServerOptions, addSpecOptions, addTlsVerifyOptions, booleanOption } from './flags.ts'

const idHelp = 'id of a migration, or its beginning'

export function addRemoteCommands(program: Command, done: (code: ExitCode) => void, specHelp: string): void {
  const submit = program.command('submit').argument('<SPEC...>', specHelp)
    .summary('hand a migration to a coordinator')
    .description(`Hands the migration to a coordinator, whose workers move it, and prints its id. What is submitted again while it runs is the same
migration. Credentials never travel along: the workers have their own.`)
  addSpecOptions(submit)
  addTlsVerifyOptions(submit)
  submit.optionsGroup('The run:')
    .option('--name <TEXT>', 'what people call it')
    .option('--watch', 'show how it goes until its end, as longshore watch does')
    .addOption(booleanOption('keep-going', 'leave the other images alone when one fails (default: true)'))
  addServerOptions(submit)
  addOutputOptions(submit)
  submit.addHelpText('after', `
Examples:
  longshore submit images.txt --to registry.example.com/mirror --watch --server http://coordinator.example.com:8080 --token-file token
  export LONGSHORE_SERVER=http://coordinator.example.com:8080 LONGSHORE_TOKEN_FILE=token
  id=$(longshore submit rules.yaml --name nightly --quiet)`)
  submit.action(async (specs: readonly string[], flags) => {
    const { submitCommand } = await import('./commands/submit.ts')
    done(await submitCommand(specs, flags))
  })

  const status = program.command('status').argument('[ID]', idHelp)
    .summary('how the migrations of a coordinator stand')
    .description('Lists the migrations that the coordinator knows, the newest first; or tells how one of them stands.')
  addServerOptions(status)
  status.optionsGroup('Output:').option('--json', 'JSON on stdout, for programs')
  status.addHelpText('after', `
Examples:
  longshore status --server http://coordinator.example.com:8080 --token-file token
  longshore status k7f
  longshore status --json | jq -r '.migrations[] | select(.state == "running") | .id'`)
  status.action(async (id: string | undefined, flags) => {
    const { statusCommand } = await import('./commands/status.ts')
    done(await statusCommand(id, flags))
  })

  const watch = program.command('watch').argument('<ID>', idHelp)
    .summary('show a migration until its end')
    .description(`Shows what happens, as migrate does: bars on a terminal, lines elsewhere, events with --json; then the summary, with migrate's exit
codes. Ctrl-C ends the watching, not the migration. Comes back by itself when the connection breaks.`)
  addServerOptions(watch)
  addOutputOptions(watch)
  watch.addHelpText('after', `
Examples:
  longshore watch k7f3xq9b2d --server http://coordinator.example.com:8080 --token-file token
  longshore watch k7f --json | jq -c 'select(.type == "failed")'`)
  watch.action(async (id: string, flags) => {
    const { watchCommand } = await import('./commands/watch.ts')
    done(await watchCommand(id, flags))
  })

  for (const [action, summary, description] of [
    ['pause', 'hand out no more work of a migration', 'What is in hand may still arrive; nothing new is begun until longshore resume.'],
    ['resume', 'let a paused migration go on', 'Lets a paused migration go on where it was.'],
    ['cancel', 'end a migration', 'Ends it at once. What has arrived stays there, and is not moved again when the same is submitted again.'],
    ['retry', 'try failed images once more', 'Tries the images that failed once more, and no others; a migration that was complete runs again for them.'],
  ] as const) {
    const command = program.command(action).argument('<ID>', idHelp).summary(summary).description(description)
    addServerOptions(command)
    command.addHelpText('after', `
Examples:
  longshore ${action} k7f3xq9b2d --server http://coordinator.example.com:8080 --token-file token
  longshore ${action} k7f`)
    command.action(async (id: string, flags) => {
      const { steerCommand } = await import('./commands/steer.ts')
      done(await steerCommand(action, id, flags))
    })
  }

  const report = program.command('report').argument('<ID>', idHelp)
    .summary('print what became of each image')
    .description('Prints the report of a migration (docs/report.md), or the list of the images that failed, which can be submitted again.')
  addServerOptions(report)
  report.optionsGroup('Output:')
    .option('--failed', 'the images that failed, as an images list')
    .option('-o, --output <FILE>', 'write it there (default: stdout)')
  report.addHelpText('after', `
Examples:
  longshore report k7f --server http://coordinator.example.com:8080 --token-file token -o report.json
  longshore report k7f --failed | longshore submit -`)
  report.action(async (id: string, flags) => {
    const { reportCommand } = await import('./commands/report.ts')
    done(await reportCommand(id, flags))
  })
}
