// The grammar of copy and sync: skopeo's, flag for flag (FIELD.md §1.5, §1.10).
import type { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { runs } from './skopeo/command.ts'
import type { CopyFlags, SyncFlags } from './skopeo/copy-flags.ts'
import { addCopyOptions, addGlobalOptions, addPrefixedOptions, addRetryOptions, boolFlag, intFlag, intsFlag, textFlag, textsFlag } from './skopeo-flags.ts'

/** @param done is given the exit code of the command that ran */
export function addCopyCommands(program: Command, done: (code: ExitCode) => void): void {
  addCopy(program, done)
  addSync(program, done)
}

function addCopy(program: Command, done: (code: ExitCode) => void): void {
  const copy = program.command('copy').usage('[options] SOURCE-IMAGE DESTINATION-IMAGE')
    .summary('copy one image from anywhere to anywhere')
    .description(`Copies an image between any two of: docker://, dir:, oci:, oci-archive:, docker-archive:, docker-daemon:, containers-storage:,
registry-storage: (and from tarball:). Of a multi-platform image the one for this machine, unless --all.`)
  copy.optionsGroup('What is copied:')
    .addOption(boolFlag('-a, --all', 'all images of a list'))
    .addOption(textFlag('--multi-arch <WHAT>', 'of a list: system, all, index-only, or platforms such as linux/amd64,linux/arm64'))
    .addOption(boolFlag('--strip-sparse-manifest-list', 'with platforms: write a list of only those'))
    .addOption(textsFlag('--additional-tag <NAME:TAG>', 'the same image under another name too (may be given again)'))
  addCopyOptions(copy)
  copy.optionsGroup('What is written:')
    .addOption(textFlag('--sign-identity <REFERENCE>', 'what the signature says that the image is (default: the destination)'))
    .addOption(boolFlag('--dest-compress', 'dir: only: compress layers that are not'))
    .addOption(boolFlag('--dest-decompress', 'dir: only: decompress layers'))
    .addOption(textFlag('--dest-compress-format <FORMAT>', 'compress layers with gzip or zstd'))
    .addOption(intFlag('--dest-compress-level <N>', 'gzip: 1 to 9, zstd: 1 to 22'))
    .addOption(boolFlag('--dest-force-compress-format', 'compress anew what is compressed otherwise'))
    .addOption(boolFlag('--dest-oci-accept-uncompressed-layers', 'oci: only: leave layers uncompressed that are so'))
    .addOption(boolFlag('--dest-precompute-digests', 'nothing to do here: digests are known before anything is sent').hideHelp())
    .addOption(textFlag('--digestfile <FILE>', 'write the digest of what was copied'))
    .addOption(intsFlag('--encrypt-layer <N>', 'not taken').hideHelp())
    .addOption(textsFlag('--encryption-key <KEY>', 'not taken').hideHelp())
    .addOption(textsFlag('--decryption-key <KEY>', 'not taken').hideHelp())
  copy.optionsGroup('The run:')
    .addOption(boolFlag('-q, --quiet', 'no progress'))
    .addOption(intFlag('--image-parallel-copies <N>', 'blobs at once'))
  addRetryOptions(copy)
  addPrefixedOptions(copy)
  addGlobalOptions(copy)
  copy.addHelpText('after', `
Examples:
  longshore copy docker://quay.io/skopeo/stable:latest docker://registry.example.com/skopeo:latest
  longshore copy --all docker://alpine:3.19 oci:/backup/images:alpine-3.19
  longshore copy docker-archive:saved.tar.gz:app:1 docker://registry.example.com/app:1`)
  runs<CopyFlags>(copy, done, async () => (await import('./commands/copy.ts')).copyCommand)
}

function addSync(program: Command, done: (code: ExitCode) => void): void {
  const sync = program.command('sync').usage('[options] --src TRANSPORT --dest TRANSPORT SOURCE DESTINATION')
    .summary('copy many images, as skopeo sync names them')
    .description(`Copies all tags of a repository, every image below a directory, what a YAML file chooses, or a docker-registry's own files.
Everything moves side by side, each blob once; what is there already is not sent again.`)
  sync.optionsGroup('What is copied, and where to:')
    .addOption(textFlag('-s, --src <TRANSPORT>', 'docker, dir, yaml or registry-storage'))
    .addOption(textFlag('-d, --dest <TRANSPORT>', 'docker, dir or registry-storage'))
    .addOption(boolFlag('--scoped', 'keep the whole name of the source below the destination'))
    .addOption(textFlag('--append-suffix <TEXT>', 'behind every tag'))
    .addOption(boolFlag('-a, --all', 'all images of a list'))
  addCopyOptions(sync)
  sync.optionsGroup('What is written:')
    .addOption(textFlag('--digestfile <FILE>', 'a line for each image: its digest and its name'))
  sync.optionsGroup('The run:')
    .addOption(boolFlag('--dry-run', 'say what would be copied, write nothing'))
    .addOption(boolFlag('--keep-going', 'leave the other images alone when one fails'))
  addRetryOptions(sync)
  addPrefixedOptions(sync, 'registry')
  addGlobalOptions(sync)
  sync.addHelpText('after', `
Examples:
  longshore sync --src docker --dest dir --scoped registry.example.com/busybox /media/usb
  longshore sync --src dir --dest docker /media/usb registry.example.com/mirror
  longshore sync --src yaml --dest docker --scoped images.yaml registry.example.com/mirror
  longshore sync --src registry-storage --dest docker --scoped /var/lib/registry harbor.example.com/project`)
  runs<SyncFlags>(sync, done, async () => (await import('./commands/sync.ts')).syncCommand)
}
