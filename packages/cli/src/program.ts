// The grammar of the command line. Commands are loaded when they run, so that --help stays quick.
import { Command, Option } from 'commander'
import { addAccessOptions, addNameOptions, addOutputOptions, addPoolOptions, addSpecOptions, booleanOption, mappingFormats, optionTerm } from './flags.ts'
import type { ExitCode } from './exit-code.ts'
import { collect, parsePercent, parseSample } from './parse-value.ts'
import { addCutoverCommand } from './program-cutover.ts'
import { addRemoteCommands } from './program-remote.ts'
import { addSkopeoCommands } from './program-skopeo.ts'
import { addServiceCommands } from './program-services.ts'

const specHelp = 'images list, YAML, Kubernetes objects (YAML or JSON), or a file of skopeo sync, image-syncer, regsync or dregsy; - is stdin'

/** @param done is given the exit code of the command that ran */
export function createProgram(version: string, done: (code: ExitCode) => void): Command {
  const program = new Command('longshore')
    .description('Moves container images from registry to registry, byte for byte.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .showHelpAfterError('(longshore help says what there is; longshore COMMAND --help explains a command)')
    .exitOverride()
    // What stands behind a command is that command's: cutover and cutover status both have --json.
    .enablePositionalOptions()
    .configureHelp({ optionTerm, showGlobalOptions: false, subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
    .addHelpText('after', `
Begin here:
  longshore demo                                          see it work, without a registry
  longshore plan images.txt --to registry.example.com     what would be moved
  longshore migrate images.txt --to registry.example.com  move it
  longshore verify images.txt --to registry.example.com   prove that it is there

Exit codes: 0 all there; 1 some images failed or differ; 2 wrong usage or spec, nothing was moved; 130 interrupted.`)

  program.commandsGroup('Here and now:')
  const migrate = program.command('migrate').argument('<SPEC...>', specHelp)
    .summary('move the images of a list')
    .description(`Moves every image of SPEC, with everything it consists of, so that the destination has it under the digest it had.
What is there already is not sent again: run the same command again to go on after a failure, or to bring over what is new.`)
  addSpecOptions(migrate)
  addAccessOptions(migrate)
  migrate.optionsGroup('The run:')
    .option('--dry-run', 'say what would be moved, as longshore plan does')
    .addOption(booleanOption('keep-going', 'leave the other images alone when one fails (default: true)'))
    .option('--report <FILE.json>', 'write what became of each image (docs/report.md)')
    .option('--failed <FILE>', 'write the images that failed, as a list that can be fed back in')
    .option('--trust-storage', 'from one registry-storage: to another on the same file system, link blobs without reading them: fast, and a corrupt one is not noticed')
  addPoolOptions(migrate)
  addOutputOptions(migrate)
  migrate.addHelpText('after', `
Examples:
  longshore migrate images.txt --to registry.example.com/mirror
      Every name of the list, from Docker Hub, to registry.example.com/mirror/NAME.

  longshore migrate images.txt --from 127.0.0.1:5000 --src-tls-verify=false --to registry.example.com --report report.json --failed failed.txt
      From a registry without TLS; what fails can be tried again: longshore migrate failed.txt

  echo "quay.io/prometheus/node-exporter:v1.8.2 registry.example.com/tools/node-exporter:v1" | longshore migrate -
      One image, under another name. A line is a name, or a source and a destination.

  longshore migrate rules.yaml --platform linux/amd64,linux/arm64 --max-bandwidth 50MB/s
      Repositories and tags chosen by rules (docs/spec.md), two platforms of each, at 50 MB/s at the most.

  longshore migrate auth.json images.json
      image-syncer's two files; skopeo sync's YAML (with --to), regsync's and dregsy's are taken as well, with their credentials.

  longshore migrate images.txt --to registry.example.com --redis redis://redis.example.com:6379
      The same with the workers of that Redis (longshore worker), wherever they run: any of them may die, the rest goes on.

Press Ctrl-C to stop cleanly, again to stop at once; --report and --failed are written in either case.`)
  migrate.action(async (specs: readonly string[], flags) => {
    const { migrateCommand } = await import('./commands/migrate.ts')
    done(await migrateCommand(specs, flags))
  })

  const plan = program.command('plan').argument('<SPEC...>', specHelp)
    .summary('say what a migration would move')
    .description(`Asks both sides what is there and says what a migration would do: images, bytes, mounts, requests, tags that rules leave
out and why, destination repositories that are missing. It writes nothing anywhere.`)
  addSpecOptions(plan)
  addAccessOptions(plan)
  addPoolOptions(plan)
  addOutputOptions(plan)
  plan.addHelpText('after', `
Examples:
  longshore plan images.txt --to registry.example.com/mirror
  kubectl get pods -A -o json | longshore plan - --to registry.example.com/mirror
      What a cluster runs, by the digests that it runs; helm template's output and manifests are taken as well.
  longshore plan rules.yaml --json | jq .toMove`)
  plan.action(async (specs: readonly string[], flags) => {
    const { planCommand } = await import('./commands/plan.ts')
    done(await planCommand(specs, flags))
  })

  const verify = program.command('verify').argument('<SPEC...>', specHelp)
    .summary('prove that the destination has what the source has')
    .description(`Compares every image by digest, with its children, its blobs and its referrers, and lists what is missing, what differs
and what is there beside it. Exit code 1 when anything is wrong.`)
  addSpecOptions(verify)
  addAccessOptions(verify)
  verify.optionsGroup('The check:')
    .addOption(new Option('--deep [PERCENT%]', 'read every blob at the destination and hash it; with a share, such as --deep=5%, so many of them, chosen anew each time').argParser(parseSample))
    .option('--signed-by <KEY.pub>', 'every image has to have a signature of cosign\'s that this public key, or another one given so, verifies (PEM; may be given again)', collect)
    .option('--repair', 'say what was found, move it again, then check again; content that is corrupt there has to be deleted first')
    .addOption(new Option('--extra <POLICY>', 'tags at the destination that SPEC does not name: list them, where SPEC takes whole repositories as an error (list, the default); always an error (fail); do not look (ignore)')
      .choices(['list', 'fail', 'ignore']))
  addPoolOptions(verify)
  addOutputOptions(verify)
  verify.addHelpText('after', `
Examples:
  longshore verify images.txt --to registry.example.com/mirror
  longshore verify images.txt --to registry.example.com/mirror --deep --repair
  longshore verify images.txt --to registry.example.com/mirror --deep=5%
  longshore verify images.txt --to registry.example.com/mirror --signed-by cosign.pub`)
  verify.action(async (specs: readonly string[], flags) => {
    const { verifyCommand } = await import('./commands/verify.ts')
    done(await verifyCommand(specs, flags))
  })

  addCutoverCommand(program, done, specHelp)

  const prune = program.command('prune').argument('<SPEC...>', specHelp)
    .summary('delete tags that the source no longer has')
    .description(`Lists the tags of the destination that no longer exist at the source, in repositories of which SPEC takes every tag; with --apply it
deletes them. Nothing that another tag holds is deleted, nothing that is about a living image, and nothing where the source cannot be
listed. A tag that somebody pushed to the destination himself looks the same as one that is gone at the source: read the list first.`)
  addSpecOptions(prune)
  addAccessOptions(prune)
  prune.optionsGroup('The deletion:')
    .option('--apply', 'delete; without it is only said what would go')
    .addOption(new Option('--ceiling <PERCENT%>', 'when more than this share of a destination\'s tags would go, delete nothing (default: 10%)').argParser(parsePercent))
    .option('--backup-tag <TEMPLATE>', 'keep what a tag names under another tag, such as pruned-{date}-{tag}; tags of this form are left alone')
    .option('--missing-repositories', 'a source repository that is gone, empty or not in the catalog any more counts as one without tags; else its tags are left alone')
  addOutputOptions(prune)
  prune.addHelpText('after', `
Examples:
  longshore prune rules.yaml --to registry.example.com/mirror
  longshore prune rules.yaml --to registry.example.com/mirror --apply --ceiling 5% --backup-tag "pruned-{date}-{tag}"`)
  prune.action(async (specs: readonly string[], flags) => {
    const { pruneCommand } = await import('./commands/prune.ts')
    done(await pruneCommand(specs, flags))
  })

  const convert = program.command('convert').argument('<SPEC...>', specHelp)
    .summary('print the native YAML of any spec')
    .description(`Prints on stdout the native YAML (docs/spec.md) that names the same images as SPEC, whatever tool it was written for. What is left
out, such as credentials, is told on stderr and in comments, with what to give instead. No registry is asked.`)
  addSpecOptions(convert)
  convert.addHelpText('after', `
Examples:
  longshore convert sync.yaml --to registry.example.com/mirror >rules.yaml
  longshore convert auth.json images.json >rules.yaml
  longshore convert config.json | longshore plan -`)
  convert.action(async (specs: readonly string[], flags) => {
    const { convertCommand } = await import('./commands/convert.ts')
    done(await convertCommand(specs, flags))
  })

  const mapping = program.command('mapping').argument('<SPEC...>', specHelp)
    .summary('print what clusters need to find the images under their new names')
    .description(`Prints, for the images of SPEC, how clusters get from the old names to the new ones (docs/mapping.md). Names come from SPEC alone; a registry
is asked only where SPEC has rules, for its tags. Nothing is moved.`)
  addNameOptions(mapping, '--spec-format')
  addAccessOptions(mapping)
  mapping.optionsGroup('The mapping:')
    .addOption(new Option('--format <FORM>', 'csv (the default): old,new,digest; containerd: hosts.toml; registries-conf: remaps for CRI-O and podman; kustomize: an images: block; rollback: how to undo each of them')
      .choices(mappingFormats))
    .option('--output <DIR>', 'write all of them as files, and print their names')
    .option('--by-digest', 'kustomize: write the digest where SPEC knows it and the name has one')
  mapping.optionsGroup('Output:')
    .option('--quiet', 'do not print the names of the files')
    .option('--debug', 'say where errors come from')
  mapping.addHelpText('after', `
Examples:
  longshore mapping images.txt --to harbor.example.com/mirror >mapping.csv
  longshore mapping rules.yaml --format containerd
      A hosts.toml for each old registry, with the folder that it belongs in.
  kubectl get pods -A -o json | longshore mapping - --to harbor.example.com/mirror --output mapping/
      mapping.csv, containerd/certs.d/…/hosts.toml, registries.conf.d/50-longshore.conf, kustomize/kustomization.yaml, ROLLBACK.md`)
  mapping.action(async (specs: readonly string[], flags) => {
    const { mappingCommand } = await import('./commands/mapping.ts')
    done(await mappingCommand(specs, flags))
  })

  program.command('demo')
    .summary('see it work: two registries on this machine, no setup')
    .description('Starts two small registries on this machine, fills one, migrates it to the other, verifies, and cleans up.')
    .addHelpText('after', '\nExample:\n  longshore demo')
    .action(async () => {
      const { demoCommand } = await import('./commands/demo.ts')
      done(await demoCommand())
    })

  program.commandsGroup('As skopeo has them:')
  addSkopeoCommands(program, done)
  program.commandsGroup('Many machines:')
  addServiceCommands(program, done)
  program.commandsGroup('By way of a coordinator:')
  addRemoteCommands(program, done, specHelp)
  program.commandsGroup('This program:').helpCommand('help [command]', 'explain a command')
  program.command('completion').argument('<SHELL>', 'bash, zsh or fish')
    .summary('print a completion script')
    .description('Prints a script that completes commands, flags and file names.')
    .addHelpText('after', `
Examples:
  source <(longshore completion bash)                             for this shell; put it into ~/.bashrc to keep it
  longshore completion zsh >"\${fpath[1]}/_longshore"
  longshore completion fish >~/.config/fish/completions/longshore.fish`)
    .action(async (shell: string) => {
      const { completionCommand } = await import('./commands/completion.ts')
      done(completionCommand(shell, program))
    })
  return program
}
