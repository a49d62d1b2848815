// The grammar of skopeo's commands. What they take is in skopeo-flags.ts, how it is read in skopeo/pflag.ts.
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { addCopyCommands } from './program-copy.ts'
import { runs } from './skopeo/command.ts'
import { addSigningCommands } from './skopeo-signing.ts'
import { addGlobalOptions, addImageOptions, addRetryOptions, addStoreOptions, boolFlag, textFlag } from './skopeo-flags.ts'

/** Every command of skopeo's, by whose rules its arguments are read and its exit codes given, under whatever name the program runs. */
export const skopeoCommands: ReadonlySet<string> = new Set([
  'copy', 'delete', 'generate-sigstore-key', 'inspect', 'layers', 'list-tags', 'login', 'logout', 'manifest-digest', 'standalone-sign', 'standalone-verify', 'sync',
])

/** @param done is given the exit code of the command that ran */
export function addSkopeoCommands(program: Command, done: (code: ExitCode) => void): void {
  addCopyCommands(program, done)
  const inspect = program.command('inspect').usage('[options] IMAGE-NAME')
    .summary('say what an image is')
    .description(`Prints an image's digest, tags, platform, labels, layers and environment as JSON, without reading its layers.
Of a multi-platform image it is the one for this machine, or for what --override-arch, --override-os and --override-variant say.`)
  inspect.optionsGroup('What is printed:')
    .addOption(boolFlag('--raw', 'the manifest as it is, byte for byte; with --config the configuration'))
    .addOption(boolFlag('--config', 'the configuration'))
    .addOption(textFlag('-f, --format <TEMPLATE>', 'a Go template over what would be printed: {{.Name}} {{.Digest}} {{range .Layers}}…{{end}}'))
    .addOption(boolFlag('-n, --no-tags', 'do not ask for the tags of the repository'))
  addImageOptions(inspect)
  addRetryOptions(inspect)
  addGlobalOptions(inspect)
  inspect.addHelpText('after', `
Examples:
  longshore inspect docker://docker.io/library/alpine:3.19
  longshore inspect --config dir:/backup/alpine
  longshore inspect --format '{{.Name}} {{.Digest}}' docker://quay.io/prometheus/node-exporter:v1.8.2

Exit codes: 0; 1 something went wrong; 2 there is no such image.`)
  runs(inspect, done, async () => (await import('./commands/skopeo-inspect.ts')).inspectCommand)

  const listTags = program.command('list-tags').usage('[options] SOURCE-IMAGE')
    .summary('list the tags of a repository')
    .description('Prints the tags of a repository, or the names of the images in a docker-archive, as JSON.')
  addImageOptions(listTags, 'registry')
  addRetryOptions(listTags)
  addGlobalOptions(listTags)
  listTags.addHelpText('after', `
Examples:
  longshore list-tags docker://docker.io/library/alpine
  longshore list-tags docker-archive:images.tar`)
  runs(listTags, done, async () => (await import('./commands/skopeo-list-tags.ts')).listTagsCommand)

  const remove = program.command('delete').usage('[options] IMAGE-NAME')
    .summary('delete an image from a registry')
    .description('Deletes the manifest that the tag or digest names, and with it every tag that names the same manifest.')
  addImageOptions(remove)
  addRetryOptions(remove)
  addGlobalOptions(remove)
  remove.addHelpText('after', '\nExample:\n  longshore delete docker://registry.example.com/team/app:1.2')
  runs(remove, done, async () => (await import('./commands/skopeo-delete.ts')).deleteCommand)

  const login = program.command('login').usage('[options] REGISTRY[/NAMESPACE]')
    .summary('log in to a registry')
    .description('Asks the registry whether it takes the credentials, and then stores them where podman, skopeo and Longshore look for them.')
  login.optionsGroup('Who:')
    .addOption(textFlag('-u, --username <USER>', 'user name; asked for on a terminal otherwise'))
    .addOption(textFlag('-p, --password <PASS>', 'password; others on this machine may see it'))
    .addOption(boolFlag('--password-stdin', 'read the password from stdin'))
    .addOption(boolFlag('--get-login', 'print who is logged in'))
  addStoreOptions(login)
  login.addOption(textFlag('--cert-dir <DIR>', '*.crt, *.cert and *.key for the registry (default: certs.d)'))
    .addOption(boolFlag('-v, --verbose', 'say where the credentials were stored'))
  addGlobalOptions(login)
  login.addHelpText('after', `
Examples:
  longshore login registry.example.com
  pass show registry | longshore login --username robot --password-stdin registry.example.com`)
  runs(login, done, async () => (await import('./commands/skopeo-login.ts')).loginCommand)

  const logout = program.command('logout').usage('[options] REGISTRY[/NAMESPACE]')
    .summary('forget the credentials for a registry')
    .description('Removes what login has stored.')
  logout.optionsGroup('Which:').addOption(boolFlag('-a, --all', 'for every registry'))
  addStoreOptions(logout)
  addGlobalOptions(logout)
  logout.addHelpText('after', '\nExample:\n  longshore logout registry.example.com')
  runs(logout, done, async () => (await import('./commands/skopeo-logout.ts')).logoutCommand)

  const manifestDigest = program.command('manifest-digest').usage('MANIFEST-FILE')
    .summary('print the digest of a manifest in a file')
    .description('Prints what a registry would call the manifest in this file. The signatures of an old signed manifest do not count.')
    .addHelpText('after', '\nExample:\n  longshore manifest-digest manifest.json')
  addGlobalOptions(manifestDigest)
  runs(manifestDigest, done, async () => (await import('./commands/skopeo-manifest-digest.ts')).manifestDigestCommand)

  const layers = program.command('layers', { hidden: true }).usage('IMAGE-NAME [LAYER...]')
    .summary('deprecated: use copy')
    .description('Was deprecated by skopeo itself in favour of copy.')
    .addHelpText('after', '\nExample:\n  longshore copy docker://docker.io/library/alpine:3.19 dir:alpine')
  addImageOptions(layers)
  addRetryOptions(layers)
  addGlobalOptions(layers)
  runs(layers, done, async () => (await import('./commands/skopeo-layers.ts')).layersCommand)
  addSigningCommands(program, done)
}
